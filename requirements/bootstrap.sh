#!/bin/sh
# From a bare CI job to `python -I -m publisher ARGUMENT...`. Every face ends here.
#
# What runs is pinned: the dependencies by the hashes in the lists beside this script, the program
# by the checkout that the script lies in. No build backend runs, no cache is read. Everything
# goes into a private folder among the job's temporary files; the workspace, PATH and the
# environment of later steps stay as they are.
set -eu

# What runtime.txt is for, and what uv brings otherwise. Its packages have no wheels for Python of 32
# bits and without the GIL, nor for Windows on ARM, which runs Python for x64.
fits="(3, 11) <= v <= (3, 14) and sys.implementation.name == 'cpython' and sys.maxsize > 2**32"
fits="$fits and not sysconfig.get_config_var('Py_GIL_DISABLED')"
fits="$fits and sysconfig.get_platform() != 'win-arm64'"
managed=3.13
case ${RUNNER_OS:-}-${RUNNER_ARCH:-} in Windows-ARM64) managed=cpython-3.13-windows-x86_64-none ;; esac

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
temporary=${RUNNER_TEMP:-${TMPDIR:-/tmp}}
work=$(CDPATH='' cd -- "$temporary" && mktemp -d "$PWD/publisher.XXXXXX") || {
  echo "error: no folder for temporary files can be made in $temporary" >&2
  exit 2
}
venv=$work/venv
log=$work/log.txt
child=

main() {
  trap 'rm -rf "$work"' EXIT
  trap 'stop 130' INT
  trap 'stop 143' TERM
  python=$(find_python "$fits" -S) || python=
  if ! await install >"$log" 2>&1; then
    if [ -n "$python" ]; then not_installed; else no_python; fi
  fi
  rm -rf "$work/uv" "$work/cache"
  export MSYS2_ENV_CONV_EXCL=PUBLISHER_ # for Git's bash on Windows: a password is no path
  trap - INT TERM
  exec "$(venv_python)" -I -m publisher "$@" # in our place, so that a cancelled job reaches it
}

# A shell hears a signal only when the command that it runs has ended, unless it waits for it.
await() {
  "$@" &
  child=$!
  wait "$child"
}

stop() {
  if kill "$child"; then wait "$child" || :; fi 2>/dev/null
  exit "$1"
}

install() {
  trap 'stop 143' TERM
  keep_only_what_installers_need
  install_by_uv || install_by_pip
}

# The path of the first Python around for which a condition holds. With -S it runs nothing of what
# others put into its site-packages.
find_python() {
  for name in python3 python python3.14 python3.13 python3.12 python3.11; do
    "$name" -I ${2:+"$2"} -c "
import sys, sysconfig
from importlib.util import find_spec
v = sys.version_info[:2]
sys.stdout.write(sys.executable) if $1 else sys.exit(1)" 2>/dev/null && return
  done
  return 1
}

venv_python() {
  if [ -d "$venv/Scripts" ]; then echo "$venv/Scripts/python.exe"; else echo "$venv/bin/python"; fi
}

# uv is fast and can bring a Python; any Python that has pip can fetch uv.
install_by_uv() {
  fetcher=$(find_python "v >= (3, 8) and find_spec('pip')") || return
  pip_install "$fetcher" --target "$work/uv" -r "$here/uv.txt" || return
  set -- --no-config --no-progress --cache-dir "$work/cache"
  await "$work/uv/bin/uv" venv "$@" --no-project --python "${python:-$managed}" "$venv" || return
  await "$work/uv/bin/uv" pip install "$@" --python "$(venv_python)" --no-deps --only-binary :all: \
    --require-hashes --index-strategy unsafe-best-match -r "$here/runtime.txt" || return
  add_the_program
}

install_by_pip() {
  [ -n "$python" ] || return
  await "$python" -I -m venv --clear "$venv" || return
  pip_install "$(venv_python)" -r "$here/runtime.txt" || return
  add_the_program
}

# pip without its configuration files, which could send packages anywhere.
pip_install() {
  interpreter=$1
  shift
  await "$interpreter" -I -c "
import os, runpy
os.environ['PIP_CONFIG_FILE'] = os.devnull
runpy.run_module('pip', run_name='__main__')" install --disable-pip-version-check --no-cache-dir \
    --no-input --no-deps --only-binary :all: --require-hashes "$@"
}

# Installers run what others put into the machine's Python, so they get no secret, as far as names
# tell. Of the settings of pip and uv leave those that say where packages come from and how to get
# there: the hashes make any source safe. An index that one of them is told holds for both. uv
# trusts the certificates of the system, as pip does, and keeps everything in our folder.
keep_only_what_installers_need() {
  for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
    case $name in
      [Pp][Ii][Pp]_* | [Uu][Vv]_*)
        case $name in
          *INDEX* | *FIND_LINKS | *CERT* | *PROXY | *HOST | *TIMEOUT | *RETRIES | *INSTALL_MIRROR) ;;
          *) unset "$name" ;;
        esac ;;
      PUBLISHER_* | *TOKEN* | *PASS* | *SECRET* | *KEY* | *AUTH* | *CREDENTIAL* | *JWT* | \
        CI_REPOSITORY_URL) unset "$name" ;;
    esac
  done
  index=${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-${PIP_INDEX_URL:-}}}
  case ${index%%=*} in *:*) ;; *) index=${index#*=} ;; esac # uv also takes NAME=URL
  if [ -n "$index" ]; then
    export PIP_INDEX_URL="${PIP_INDEX_URL:-$index}" UV_DEFAULT_INDEX="$index"
  fi
  export UV_SYSTEM_CERTS=1 UV_CREDENTIALS_DIR="$work"
  export UV_PYTHON_INSTALL_DIR="$work/python" UV_PYTHON_INSTALL_BIN=0 UV_PYTHON_INSTALL_REGISTRY=0
}

# A copy beside its dependencies is found by Python with -I, also in child processes, and what
# Python compiles stays in our folder.
add_the_program() {
  "$(venv_python)" -I -c "
import pathlib, shutil, sys, sysconfig
into = pathlib.Path(sysconfig.get_path('purelib'), 'publisher')
shutil.copytree(sys.argv[1], into, ignore=shutil.ignore_patterns('__pycache__'))" \
    "$here/../src/publisher"
}

no_python() {
  explain 'publisher runs on CPython 3.11 to 3.14 (64 bit, with the GIL), and this job has none' "\
found: $(found_pythons)
  uv could not bring one:"
  if [ "${GITHUB_ACTIONS:-}" = true ]; then
    echo "\
  Put this step before the one that publishes:

      - uses: actions/setup-python@v6
        with:
          python-version: \"3.13\"" >&2
  else
    echo "  Give the job an image that has one, such as python:3.13." >&2
  fi
  exit 2
}

not_installed() {
  explain 'the packages that publisher needs could not be installed' "with: $python"
  echo "\
  If this job reaches packages through a mirror, set PIP_INDEX_URL (and PIP_CERT) for this step;
  pip.conf is not read. Nothing was published; running the job again is safe." >&2
  exit 2
}

found_pythons() {
  for name in python3 python; do
    if "$name" -I -S -c pass 2>/dev/null; then "$name" -VV 2>&1 && return; fi
  done
  echo 'no Python at all'
}

# What happened, a fact, and the end of the log, which can't give orders to a runner.
explain() {
  if [ "${GITHUB_ACTIONS:-}" = true ]; then echo "::error title=publisher::$1" >&2; fi
  echo "error: $1
  $2" >&2
  tail -n 15 "$log" | tr -d '\000-\010\013-\037\177' | sed 's/##/# #/g; s/^/  | /' >&2
}

main "$@"
