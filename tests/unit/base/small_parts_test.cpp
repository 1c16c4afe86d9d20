// Checksum, back-off, clock, command line.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <thread>

#include "base/backoff.hpp"
#include "base/checksum.hpp"
#include "base/clock.hpp"
#include "base/command_line.hpp"

namespace pgstride {
namespace {

using std::chrono::milliseconds;

std::string xxh3(std::string_view bytes) {
  Checksum checksum;
  checksum.update(bytes);
  return checksum.text();
}

TEST_CASE("the checksum is what xxhsum -H3 prints") {
  CHECK(xxh3("") == "2d06800538d394c2");
  CHECK(xxh3("a") == "e6c632b61e964e1f");
  CHECK(xxh3("abc") == "78af5f94892f3950");
}

TEST_CASE("the checksum does not depend on pieces") {
  std::minstd_rand random(7);
  std::string bytes;
  for (int i = 0; i < 10000; ++i) {
    bytes += static_cast<char>(random());
  }
  Checksum checksum;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = random() % 700;
    checksum.update(std::string_view(bytes).substr(at, length));
    at += length;
  }
  CHECK(checksum.text() == xxh3(bytes));
}

TEST_CASE("waits double up to the most, each between half and whole, and start over on reset") {
  Backoff backoff(milliseconds(1000), milliseconds(6000));
  for (int round = 0; round < 50; ++round) {
    for (const int whole : {1000, 2000, 4000, 6000, 6000}) {
      const auto wait = backoff.next();
      CHECK(wait.count() >= whole / 2);
      CHECK(wait.count() <= whole);
    }
    backoff.reset();
  }
}

TEST_CASE("waits have jitter") {
  Backoff backoff(milliseconds(100'000'000), milliseconds(100'000'000));
  CHECK(backoff.next() != backoff.next());
}

TEST_CASE("a first wait above the most is the most") {
  Backoff backoff(milliseconds(5000), milliseconds(100));
  CHECK(backoff.next().count() <= 100);
}

TEST_CASE("a sleep ends early on a stop, and tells so") {
  std::stop_source stop;
  CHECK(sleep_for(milliseconds(1), stop.get_token()));
  CHECK(sleep_for(milliseconds(0), {}));
  std::jthread stopper([&stop] { stop.request_stop(); });
  CHECK_FALSE(sleep_for(std::chrono::hours(1), stop.get_token()));
  CHECK_FALSE(sleep_for(std::chrono::hours(1), stop.get_token()));
}

TEST_CASE("times are printed in UTC with microseconds") {
  CHECK(iso_utc(0) == "1970-01-01T00:00:00.000000Z");
  CHECK(iso_utc(1709210096000123) == "2024-02-29T12:34:56.000123Z");
  CHECK(iso_utc(-1) == "1969-12-31T23:59:59.999999Z");
  CHECK(iso_utc(now_us()).size() == 27);
  CHECK(now_us() > 1'600'000'000'000'000);
}

TEST_CASE("passwords are hidden in what is written down") {
  CHECK(hide_password("host=a password=secret dbname=b") == "host=a password=*** dbname=b");
  CHECK(hide_password("password = 'a \\' b' dbname=b") == "password = *** dbname=b");
  CHECK(hide_password("sslpassword=x\\ y z") == "sslpassword=*** z");
  CHECK(hide_password("postgresql://u:p:w@h:5432/d?x=y") == "postgresql://u:***@h:5432/d?x=y");
  CHECK(hide_password("postgresql://h/d?user=u&password=p&x=y") ==
        "postgresql://h/d?user=u&password=***&x=y");
  CHECK(hide_password("export --source postgres://u:p@h/d --out x:y@z") ==
        "export --source postgres://u:***@h/d --out x:y@z");
}

TEST_CASE("text without a password stays as it is") {
  for (const char* text : {"", "postgresql://h:5432/d", "postgresql://u@h/d", "-t password",
                           "export --where t:a=1 --out d", "postgresql://h:1/a@b"}) {
    CHECK(hide_password(text) == text);
  }
}

}  // namespace
}  // namespace pgstride
