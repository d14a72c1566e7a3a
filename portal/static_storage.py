"""Static files of production: named by their content, compressed, and so for ever in browsers' caches."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStorage(CompressedManifestStaticFilesStorage):
    """Also the modules that a script imports are named by their content: none is ever of another release."""

    support_js_module_import_aggregation = True
