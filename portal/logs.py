"""Log lines as JSON with the request's id; control characters are neutralised by the encoding itself."""

import json
import logging

from portal.context import current


class JSONFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, request_id, and the exception's type and trace."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": current().request_id,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)
