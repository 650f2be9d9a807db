#!/bin/sh
# Installs what the tests need besides Go: psql; psycopg 3 and Confluent's Kafka
# client in a virtual environment under bin/venv; and Java 17 with Maven, which
# brings a real Kafka and a schema registry. Says nothing and does nothing when all is there.
set -eu
cd "$(dirname "$0")/.."

venv=bin/venv
packages=""
command -v psql >/dev/null 2>&1 || packages="$packages postgresql-client"
clients='import psycopg, confluent_kafka, fastavro, jsonschema, grpc_tools'
if ! "$venv/bin/python" -c "$clients" >/dev/null 2>&1; then
	# ensurepip is what Debian leaves out of python3 without python3-venv.
	python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || packages="$packages python3 python3-venv python3-pip"
fi

# Kafka 4 and the registry run from Java 17 on.
if [ -z "${TARN_NO_KAFKA:-}" ]; then
	java=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
	[ "${java:-0}" -ge 17 ] || packages="$packages default-jre-headless"
	command -v mvn >/dev/null 2>&1 || packages="$packages maven"
fi

if [ -n "$packages" ]; then
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "setup.sh: please install psql, Python 3 with venv and pip, Java 17 or newer, and Maven; this needs apt-get to do it" >&2
		exit 1
	fi
	if [ "$(id -u)" != 0 ]; then
		echo "setup.sh: please run as root, once: apt-get install$packages" >&2
		exit 1
	fi
	echo "setup.sh: installing$packages"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >/dev/null
	# shellcheck disable=SC2086
	apt-get install -y -qq --no-install-recommends $packages >/dev/null
fi

if ! "$venv/bin/python" -c "$clients" >/dev/null 2>&1; then
	echo "setup.sh: installing psycopg and confluent-kafka into $venv"
	mkdir -p bin
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check 'psycopg[binary]>=3.2,<4' \
		'confluent-kafka[avro,protobuf,json]>=2.10,<3' 'grpcio-tools>=1.70,<2'
fi
