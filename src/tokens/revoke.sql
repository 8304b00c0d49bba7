is_revoked = 1, revoked_at = min(coalesce(revoked_at, 253402300799), unixepoch())
