#!/usr/bin/env bash
# What the official image's start does: KAFKA_NODE_ID becomes node.id ("__" a "_", "___" a "-"), CLUSTER_ID, KAFKA_HEAP_OPTS,
# KAFKA_OPTS, KAFKA_LOG4J_ROOT_LOGLEVEL, a server.properties mounted in /mnt/shared/config, the log directory formatted at
# the first boot. In shell, where the official one starts another Java for it.
set -euo pipefail

if [ "$1" != kafka ]; then exec "$@"; fi

properties=/opt/kafka/config/server.properties
settings() {
  local entry name
  while IFS= read -r -d '' entry; do
    name=${entry%%=*}
    case $name in
      # What is Java's or the image's own, in the official list.
      KAFKA_VERSION | KAFKA_HEAP_OPTS | KAFKA_LOG4J_OPTS | KAFKA_OPTS | KAFKA_JMX_OPTS | KAFKA_JVM_PERFORMANCE_OPTS | KAFKA_GC_LOG_OPTS | \
        KAFKA_LOG4J_ROOT_LOGLEVEL | KAFKA_LOG4J_LOGGERS | KAFKA_TOOLS_LOG4J_LOGLEVEL | KAFKA_JMX_HOSTNAME | KAFKA_JMX_PORT) continue ;;
      KAFKA_?*) name=${name#KAFKA_} ;;
      *) continue ;;
    esac
    name=${name,,}
    name=${name//___/-}
    name=${name//__/$'\1'}
    name=${name//_/.}
    entry=${entry#*=}
    entry=${entry//\\/\\\\}
    printf '%s=%s\n' "${name//$'\1'/_}" "${entry//$'\n'/\\n}"
  done < <(env -0)
}
given=$(settings)
if [ -f /mnt/shared/config/server.properties ]; then
  { cat /mnt/shared/config/server.properties && printf '\n%s\n' "$given"; } >"$properties"
elif [ -n "$given" ]; then
  printf '%s\n' "$given" >"$properties"
else
  cp /etc/kafka/docker/server.properties "$properties"
fi
if [ -n "${KAFKA_LOG4J_ROOT_LOGLEVEL:-}" ]; then
  sed -i "s/^rootLogger.level.*/rootLogger.level = $KAFKA_LOG4J_ROOT_LOGLEVEL/" /opt/kafka/config/log4j2.properties
fi

jars=(/opt/kafka/libs/*.jar)
# shellcheck disable=SC2206 # options are words
performance=(${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseSerialGC -XX:TieredStopAtLevel=1})
java=(java "${performance[@]}" -XX:SharedArchiveFile=/opt/kafka/kafka.jsa -Xshare:auto -Xlog:cds=off -Xlog:cds+dynamic=off
  -Djava.awt.headless=true -cp "$(IFS=: && echo "${jars[*]}")")

data=$(sed -n -E 's/^(log\.dirs|log\.dir)=//p' "$properties" | tail -n 1)
data=${data:-/tmp/kafka-logs}
if [ ! -f "${data%%,*}/meta.properties" ]; then
  "${java[@]}" -Dlog4j2.configurationFile=/opt/kafka/config/tools-log4j2.properties \
    kafka.tools.StorageTool format --ignore-formatted -t "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" -c "$properties"
fi
# shellcheck disable=SC2086 # options are words
exec "${java[@]}" ${KAFKA_HEAP_OPTS:--Xms256m -Xmx384m} -Dlog4j2.configurationFile=/opt/kafka/config/log4j2.properties \
  ${KAFKA_OPTS:-} kafka.Kafka "$properties"
