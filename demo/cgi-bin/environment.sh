#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The environment that a CGI program gets: what the web server sent, and nothing of ganger's own.

printf 'Content-Type: text/plain\r\n\r\n'
echo "I am process $$ of user $(id -un), in $(pwd)."
echo
env | sort
