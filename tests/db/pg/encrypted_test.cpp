#include <doctest/doctest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "base/unique_fd.hpp"
#include "pg/copy_reader.hpp"
#include "pg/copy_writer.hpp"
#include "support/run_program.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::pg {

namespace {

/// A port of 127.0.0.1 that was free just now.
int free_port() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), generic, size) != 0 || ::getsockname(fd.get(), generic, &size) != 0) {
    throw std::runtime_error("no free port");
  }
  return ntohs(address.sin_port);
}

/// A server that is reached by SSL; unix sockets have none.
class SslCluster {
 public:
  SslCluster() : m_port(free_port()), m_cluster(options()) {}
  Connection connect() const {
    return Connection({"host=127.0.0.1 sslmode=require dbname=postgres user=postgres port=" +
                           std::to_string(m_port),
                       "pgstride/test/w1",
                       {},
                       {}});
  }

 private:
  test::ClusterOptions options() {
    const auto key = m_dir / "server.key";
    const auto certificate = m_dir / "server.crt";
    test::run_or_throw({"openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-subj",
                        "/CN=localhost", "-keyout", key, "-out", certificate});
    if (const passwd* user = ::getpwnam("postgres"); ::geteuid() == 0 && user != nullptr) {
      for (const auto& path : {m_dir.path().string(), key.string(), certificate.string()}) {
        REQUIRE(::chown(path.c_str(), user->pw_uid, user->pw_gid) == 0);
      }
    }
    test::ClusterOptions options;
    options.settings = {"listen_addresses = '127.0.0.1'", "port = " + std::to_string(m_port),
                        "ssl = on", "ssl_key_file = '" + key.string() + "'",
                        "ssl_cert_file = '" + certificate.string() + "'"};
    options.hba = {"hostssl all all 127.0.0.1/32 trust"};
    return options;
  }

  test::TempDir m_dir{"ssl"};
  int m_port;
  test::TempCluster m_cluster;
};

std::string rows(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) {
    text += std::to_string(i) + "\t" + std::string(100, 'x') + "\n";
  }
  return text;
}

void new_table(Connection& connection, int notices, int bad_row) {
  connection.exec("DROP TABLE IF EXISTS public.w; CREATE TABLE public.w (id int, body text);"
                  "CREATE OR REPLACE FUNCTION public.loud() RETURNS trigger LANGUAGE plpgsql AS $$ "
                  "BEGIN FOR i IN 1.." +
                  std::to_string(notices) +
                  " LOOP RAISE NOTICE '%', repeat('n', NEW.id % 3000); END LOOP; IF NEW.id = " +
                  std::to_string(bad_row) +
                  " THEN RAISE 'too much'; END IF; RETURN NEW; END $$;"
                  "CREATE TRIGGER loud BEFORE INSERT ON public.w "
                  "FOR EACH ROW EXECUTE FUNCTION public.loud()");
}

}  // namespace

TEST_CASE("Under SSL data arrive both ways, notices are no refusal, and a refusal is told") {
  const SslCluster cluster;
  auto connection = cluster.connect();
  REQUIRE(connection.encrypted());
  for (const int notices : {0, 1, 5}) {
    new_table(connection, notices, -1);
    {
      CopyWriter writer(connection, "COPY public.w FROM STDIN");
      for (int i = 0; i < 6'000; i += 10) {
        writer.write(rows(i, i + 10));
      }
      CHECK(writer.finish() == 6'000);
    }
    CopyReader reader(connection, "COPY public.w TO STDOUT");
    std::string all;
    while (const auto message = reader.next()) {
      all += *message;
    }
    CHECK((all == rows(0, 6'000)));

    new_table(connection, notices, 500);
    CopyWriter writer(connection, "COPY public.w FROM STDIN");
    std::string sqlstate;
    try {
      for (int i = 0; i < 500'000; i += 100) {
        writer.write(rows(i, i + 100));
      }
      writer.finish();
    } catch (const Error& error) {
      sqlstate = error.sqlstate();
    }
    CHECK(sqlstate == "P0001");
    CHECK(connection.exec("SELECT count(*) FROM public.w").int64(0, 0) == 0);
  }
  {
    CopyWriter abandoned(connection, "COPY public.w FROM STDIN");
    abandoned.write(rows(0, 400));
  }
  CHECK(connection.exec("SELECT count(*) FROM public.w").int64(0, 0) == 0);
}

TEST_CASE("Under SSL a refusal is noticed while the writer waits for more to write") {
  const SslCluster cluster;
  auto connection = cluster.connect();
  new_table(connection, 0, 500);
  CopyWriter writer(connection, "COPY public.w FROM STDIN");
  const auto owner = std::make_shared<const std::string>(rows(0, 1000));
  writer.offer({std::shared_ptr<const char>(owner, owner->data()), owner->size()});
  CHECK_THROWS_AS(
      [&] {
        for (;;) {
          writer.pump();
          connection.ready(std::chrono::milliseconds(100), writer.wants_write());
        }
      }(),
      Error);
  CHECK(connection.exec("SELECT count(*) FROM public.w").int64(0, 0) == 0);
}

}  // namespace pgstride::pg
