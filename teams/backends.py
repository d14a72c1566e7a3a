class RoleBackend:
    pass
