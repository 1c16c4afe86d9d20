#include "support/temp_cluster.hpp"

#include <pwd.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "support/run_program.hpp"

namespace pgstride::test {
namespace {

namespace fs = std::filesystem;

std::string newest_debian_bin() {
  int newest = 0;
  const fs::path base = "/usr/lib/postgresql";
  for (const auto& entry : fs::directory_iterator(base)) {
    if (fs::exists(entry.path() / "bin" / "initdb")) {
      newest = std::max(newest, std::atoi(entry.path().filename().c_str()));
    }
  }
  if (newest == 0) {
    throw std::runtime_error("no server programs below " + base.string() + "; set PGSTRIDE_PGBIN");
  }
  return base / std::to_string(newest) / "bin";
}

std::string default_bin() {
  const char* chosen = std::getenv("PGSTRIDE_PGBIN");
  return chosen != nullptr && *chosen != '\0' ? chosen : newest_debian_bin();
}

bool is_root() {
  return geteuid() == 0;
}

// PostgreSQL refuses to run as root.
std::string as_server_user(Arguments argv) {
  if (is_root()) {
    argv.insert(argv.begin(), {"runuser", "-u", "postgres", "--"});
  }
  // A C locale keeps messages and initdb the same on every machine.
  return run_or_throw(argv, {{"LC_ALL", "C"}, {"PGDATA", ""}, {"PGUSER", ""}, {"PGHOST", ""}});
}

void give_to_server_user(const fs::path& path) {
  if (!is_root()) {
    return;
  }
  const passwd* user = getpwnam("postgres");
  if (user == nullptr || chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) {
    throw std::runtime_error("can't give " + path.string() + " to the user postgres");
  }
}

// initdb takes seconds, a copy of its result a fraction of one.
const fs::path& template_data(const std::string& bin) {
  static std::map<std::string, TempDir> templates;
  const auto [found, is_new] = templates.try_emplace(bin, "initdb");
  static std::map<std::string, fs::path> paths;
  auto& path = paths[bin];
  if (is_new) {
    give_to_server_user(found->second.path());
    path = found->second / "template";
    as_server_user({bin + "/initdb", "-D", path, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                    "--locale=C.UTF-8", "--no-sync"});
  }
  return path;
}

std::string settings_text(const ClusterOptions& options, const fs::path& socket_directory) {
  std::string text = R"(
# Added for tests.
listen_addresses = ''
port = 5432
shared_buffers = 64MB
max_connections = 100
wal_level = logical
max_wal_senders = 10
max_replication_slots = 10
max_prepared_transactions = 10
autovacuum = on
timezone = 'UTC'
log_line_prefix = '%m [%p] %a '
)";
  text += "unix_socket_directories = '" + socket_directory.string() + "'\n";
  text += options.fsync ? "" : "fsync = off\nfull_page_writes = off\n";
  for (const auto& line : options.settings) {
    text += line + "\n";
  }
  return text;
}

}  // namespace

TempCluster::TempCluster(ClusterOptions options) : m_options(std::move(options)), m_dir("c") {
  if (m_options.bin.empty()) {
    m_options.bin = default_bin();
  }
  if ((m_dir / ".s.PGSQL.5432").string().size() >= sizeof(sockaddr_un::sun_path)) {
    throw std::runtime_error("TMPDIR is too long for a unix socket");
  }
  give_to_server_user(m_dir.path());
  const auto data = m_dir / "data";
  as_server_user({"cp", "-a", template_data(m_options.bin), data});
  write_text(data / "postgresql.conf",
             read_text(data / "postgresql.conf") + settings_text(m_options, m_dir.path()));
  std::string hba;
  for (const auto& line : m_options.hba) {
    hba += line + "\n";
  }
  write_text(data / "pg_hba.conf", hba + "local all all trust\nlocal replication all trust\n");
  start();
}

TempCluster::~TempCluster() {
  try {
    stop(StopMode::immediate);
  } catch (const std::exception&) {
    // The watcher of temp_root() stops what could not be stopped here.
  }
}

void TempCluster::start() {
  as_server_user({m_options.bin + "/pg_ctl", "start", "-w", "-s", "-t", "60", "-D", m_dir / "data",
                  "-l", m_dir / "log"});
  m_running = true;
}

void TempCluster::stop(StopMode mode) {
  if (m_running) {
    as_server_user({m_options.bin + "/pg_ctl", "stop", "-w", "-s", "-t", "60", "-D", m_dir / "data",
                    "-m", mode == StopMode::fast ? "fast" : "immediate"});
    m_running = false;
  }
}

void TempCluster::restart(StopMode mode) {
  stop(mode);
  start();
}

std::string TempCluster::conninfo(const std::string& database, const std::string& user) const {
  return "host=" + m_dir.path().string() + " port=5432 user=" + user + " dbname=" + database;
}

std::string TempCluster::create_database(const std::string& prefix) {
  const auto name = prefix + std::to_string(++m_databases);
  exec("CREATE DATABASE " + name);
  return name;
}

int TempCluster::major_version() const {
  return std::stoi(exec("SHOW server_version_num")) / 10000;
}

TempCluster& shared_cluster() {
  static TempCluster cluster;
  return cluster;
}

}  // namespace pgstride::test
