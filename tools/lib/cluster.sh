# A private PostgreSQL for a script: its own data, a unix socket only, gone when the script ends however
# it ends. Source this file, call cluster_start; PGHOST, PGUSER and PGDATABASE then lead to it. bash.
#
# The server refuses to run as root, so under root it runs as the user postgres.

cluster_dir=""
cluster_as=()
cluster_bin=""

# cluster_start [-c setting=value]…: a fresh cluster with those settings.
cluster_start() {
  cluster_bin=$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -n 1)
  if [[ -z $cluster_bin || ! -x $cluster_bin/initdb ]]; then
    cluster_bin=$(pg_config --bindir)
  fi
  cluster_dir=$(mktemp -d "${TMPDIR:-/tmp}/pgstride-private.XXXXXX")
  if ((EUID == 0)); then
    cluster_as=(runuser -u postgres --)
    chown postgres "$cluster_dir"
  fi
  # From a folder of its own: the caller's may not be readable for the server's user.
  (
    cd "$cluster_dir"
    "${cluster_as[@]}" "$cluster_bin/initdb" -D "$cluster_dir/data" -U postgres -A trust \
      --no-sync -E UTF8 --locale=C.UTF-8 >"$cluster_dir/initdb.log" 2>&1
  ) || { cat "$cluster_dir/initdb.log" >&2; return 1; }
  local options="-c listen_addresses='' -c unix_socket_directories=$cluster_dir" setting
  options+=" -c unix_socket_permissions=0700"
  for setting in "$@"; do
    options+=" $setting"
  done
  (
    cd "$cluster_dir"
    "${cluster_as[@]}" "$cluster_bin/pg_ctl" -D "$cluster_dir/data" -l "$cluster_dir/data/server.log" \
      -o "$options" -w -t 60 start >/dev/null
  ) || { cat "$cluster_dir/data/server.log" >&2; return 1; }
  # Should the script be killed with -9, its trap can't run: this one waits for its end and then clears up.
  setsid bash -c 'tail --pid="$1" -f /dev/null
    pid=$(head -n 1 "$2/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" &&
      tail --pid="$pid" -f /dev/null
    rm -rf "$2"' watchdog "$$" "$cluster_dir" </dev/null >/dev/null 2>&1 &
  unset PGSERVICE PGPORT PGPASSWORD PGHOSTADDR PGOPTIONS PGSSLMODE
  export PGHOST=$cluster_dir PGUSER=postgres PGDATABASE=postgres PGAPPNAME=pgstride-private
}

# Stops and deletes the cluster; harmless when there is none.
cluster_drop() {
  [[ -n $cluster_dir ]] || return 0
  if [[ -f $cluster_dir/data/postmaster.pid ]]; then
    (cd "$cluster_dir" && "${cluster_as[@]}" "$cluster_bin/pg_ctl" -D "$cluster_dir/data" -m immediate \
      -w -t 60 stop >/dev/null 2>&1) || true
  fi
  rm -rf "$cluster_dir"
  cluster_dir=""
}
