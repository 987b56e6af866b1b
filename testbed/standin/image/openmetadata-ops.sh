#!/bin/bash
# The operator's tool, called as the real image's is: migrate, info, validate, reindex, deploy-pipelines.
exec /opt/openmetadata/bin/openmetadata-standin ops "$@"
