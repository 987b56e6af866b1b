#!/bin/bash
# Starts the server in the foreground, as the real image's script does.
exec /opt/openmetadata/bin/openmetadata-standin serve
