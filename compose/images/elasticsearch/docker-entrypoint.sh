#!/usr/bin/env bash
# What the official image's entry point does: settings are variables with a dot (discovery.type=single-node) or of the form
# ES_SETTING_DISCOVERY_TYPE ("__" is a "_"); ELASTIC_PASSWORD or ELASTIC_PASSWORD_FILE; ES_JAVA_OPTS goes to Java as it is.
set -euo pipefail
umask 0002

case ${1:-eswrapper} in
  eswrapper | elasticsearch) set -- "${@:2}" ;;
  -*) ;;
  *) exec "$@" ;;
esac

if [ -n "${ELASTIC_PASSWORD_FILE:-}" ]; then
  if [ -n "${ELASTIC_PASSWORD:-}" ]; then
    echo 'ERROR: Both ELASTIC_PASSWORD and ELASTIC_PASSWORD_FILE are set. These are mutually exclusive.' >&2
    exit 1
  fi
  ELASTIC_PASSWORD=$(<"$ELASTIC_PASSWORD_FILE")
  unset ELASTIC_PASSWORD_FILE
fi
# It counts until the user elastic is given another one. Whoever starts this container again finds the keystore.
if [ -n "${ELASTIC_PASSWORD:-}" ] && [ ! -f config/elasticsearch.keystore ]; then
  printf %s "$ELASTIC_PASSWORD" | elasticsearch-keystore add --force --stdin bootstrap.password
fi

settings=()
while IFS= read -r -d '' entry; do
  name=${entry%%=*}
  if [[ $name =~ ^ES_SETTING_. ]]; then
    name=${name#ES_SETTING_}
    name=${name//__/$'\1'}
    name=${name//_/.}
    name=${name//$'\1'/_}
    name=${name,,}
  elif ! [[ $name =~ ^[a-z0-9_]+\.[a-z0-9_]+ ]]; then
    continue
  fi
  case $name in
    # Of modules that are left out here: the node would refuse to start.
    ingest.geoip.* | stack.templates.* | indices.lifecycle.* | cluster.deprecation_indexing.* | xpack.monitoring.* | xpack.downsample.* | \
      xpack.inference.* | xpack.searchable.*)
      echo "this stand-in has nothing to set by $name" >&2
      continue
      ;;
  esac
  if [ -n "${entry#*=}" ]; then settings+=("-E$name=${entry#*=}"); fi
done < <(env -0)
exec elasticsearch "${settings[@]}" "$@"
