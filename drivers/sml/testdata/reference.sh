#!/bin/sh
# Lets libsml read the files *.hex and writes what it finds to *.tsv; Debian
# packages libsml-dev, gcc, xxd. libsml 0.1.1 of Debian 12 knows neither KERMIT
# checksums nor the DVS74: for those files the test has only what encode.py
# was told, *.json.
set -eu
cd "$(dirname "$0")"
bin=$(mktemp)
trap 'rm -f "$bin"' EXIT
gcc -O1 -Wall -o "$bin" reference.c -lsml
for f in *.hex; do
	case $f in kermit.hex | dvs74.hex) continue ;; esac
	xxd -r -p "$f" | "$bin" >"${f%.hex}.tsv"
done
