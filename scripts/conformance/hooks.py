"""What openapi.yaml can't say, told to Schemathesis."""
