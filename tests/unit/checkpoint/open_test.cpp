// Opening: by whom, in what state of the directory, and what is refused.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "checkpoint/sqlite_db.hpp"
#include "samples.hpp"
#include "support/temp_dir.hpp"

namespace pgstride::checkpoint {

namespace {

/// What opening throws; fails the test if it doesn't.
template <typename Open> Error error_of(Open open) {
  try {
    open();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error");
  return {ErrorKind::internal, ""};
}

bool contains(const Error& error, const std::string& part) {
  return std::string(error.what()).find(part) != std::string::npos;
}

void make_store(const std::filesystem::path& directory, std::int64_t chunks) {
  const auto store = open_store(directory);
  JobRecord job;
  job.name = "j";
  store->put_job(job);
  store->add_chunks(0, sample_chunks(store->add_table(sample_table("t")), 0, chunks));
}

void overwrite(const std::filesystem::path& file, off_t from, std::size_t count) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  const std::string garbage(count, '\xA5');
  CHECK(pwrite(fd, garbage.data(), count, from) == static_cast<ssize_t>(count));
  ::close(fd);
}

/// Reads a store in a process that may not write the directory; true if it saw `chunks`.
bool readable_without_write_access(const std::filesystem::path& directory, std::int64_t chunks) {
  ::chmod(directory.c_str(), 0555);
  const int status = status_of_child([&] {
    // 65534 is nobody: root may write whatever the mode says.
    if (geteuid() == 0 && setuid(65534) != 0) {
      _exit(2);
    }
    const auto store = open_store_read_only(directory);
    _exit(store->totals().at(0).chunks == chunks ? 0 : 1);
  });
  ::chmod(directory.c_str(), 0755);
  return status == 0;
}

/// Leaves a -wal that holds everything, as kill -9 does.
void make_store_and_die(const std::filesystem::path& directory, std::int64_t chunks) {
  const int status = status_of_child([&] {
    const auto store = open_store(directory);
    store->add_chunks(0, sample_chunks(store->add_table(sample_table("t")), 0, chunks));
    raise(SIGKILL);
  });
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(std::filesystem::file_size(directory / "checkpoint.db-wal") > 0);
}

}  // namespace

TEST_CASE("a directory without a checkpoint holds no job, and reading leaves nothing in it") {
  const test::TempDir dir;
  CHECK_FALSE(has_store(dir.path()));
  CHECK_FALSE(has_store(dir / "absent"));
  CHECK(error_of([&] { open_store_read_only(dir.path()); }).kind() == ErrorKind::usage);
  CHECK(error_of([&] { open_store_read_only(dir / "absent"); }).kind() == ErrorKind::usage);
  CHECK(std::filesystem::is_empty(dir.path()));
  CHECK(error_of([&] { open_store(dir / "absent"); }).kind() == ErrorKind::checkpoint);
}

TEST_CASE("a file that a dying process left empty holds no job and can be begun anew") {
  const test::TempDir dir;
  test::write_text(dir / "checkpoint.db", "");
  CHECK(has_store(dir.path()));
  CHECK(error_of([&] { open_store_read_only(dir.path()); }).kind() == ErrorKind::usage);
  make_store(dir.path(), 3);
  CHECK(deliveries(*open_store_read_only(dir.path())).size() == 3);
}

TEST_CASE("a checkpoint of a newer version is refused by name, and left as it is") {
  const test::TempDir dir;
  make_store(dir.path(), 1);
  Database(dir / "checkpoint.db", OpenMode::write).execute_script("PRAGMA user_version = 7");
  const std::string before = test::read_text(dir / "checkpoint.db");
  for (const Error& error : {error_of([&] { open_store(dir.path()); }),
                             error_of([&] { open_store_read_only(dir.path()); })}) {
    CHECK(error.kind() == ErrorKind::checkpoint);
    CHECK(contains(error, "format version 7"));
    CHECK(contains(error, "reads 2 to 5"));
    CHECK_FALSE(error.hint().empty());
  }
  CHECK(test::read_text(dir / "checkpoint.db") == before);
}

TEST_CASE("the database of another program is refused, and left as it is") {
  const test::TempDir dir;
  Database(dir / "checkpoint.db", OpenMode::write).execute_script("CREATE TABLE mine (a)");
  const std::string before = test::read_text(dir / "checkpoint.db");
  CHECK(contains(error_of([&] { open_store(dir.path()); }), "another program"));
  CHECK(contains(error_of([&] { open_store_read_only(dir.path()); }), "another program"));
  CHECK(test::read_text(dir / "checkpoint.db") == before);
}

TEST_CASE("a damaged header is named on opening, damaged pages on reading") {
  const test::TempDir dir;
  make_store(dir.path(), 20'000);
  const auto size = std::filesystem::file_size(dir / "checkpoint.db");
  SUBCASE("pages") {
    overwrite(dir / "checkpoint.db", static_cast<off_t>(size / 4), size / 2);
    const Error error = error_of([&] { deliveries(*open_store_read_only(dir.path())); });
    CHECK(error.kind() == ErrorKind::checkpoint);
    CHECK(contains(error, "is damaged"));
  }
  SUBCASE("truncated") {
    std::filesystem::resize_file(dir / "checkpoint.db", size / 2 / 4096 * 4096);
    const Error error = error_of([&] { deliveries(*open_store(dir.path())); });
    CHECK(error.kind() == ErrorKind::checkpoint);
    CHECK(contains(error, "is damaged"));
  }
  SUBCASE("header") {
    overwrite(dir / "checkpoint.db", 0, 100);
    for (const Error& error : {error_of([&] { open_store(dir.path()); }),
                               error_of([&] { open_store_read_only(dir.path()); })}) {
      CHECK(error.kind() == ErrorKind::checkpoint);
      CHECK(contains(error, "is damaged"));
      CHECK(contains(error, "checkpoint.db"));
      CHECK_FALSE(error.hint().empty());
    }
  }
}

TEST_CASE("a value that makes no sense is named as damage") {
  const test::TempDir dir;
  make_store(dir.path(), 2);
  const auto spoil = [&](const std::string& sql) {
    Database(dir / "checkpoint.db", OpenMode::write).execute_script(sql);
  };
  SUBCASE("bound") {
    spoil("UPDATE chunk SET lower = '[1' WHERE number = 1");
  }
  SUBCASE("bound of another type") {
    spoil("UPDATE chunk SET lower = '[1]' WHERE number = 1");
  }
  SUBCASE("position") {
    spoil("UPDATE delivery SET valid_lsn = 'x' WHERE number = 1");
  }
  const auto store = open_store_read_only(dir.path());
  const Error error = error_of([&] { deliveries(*store); });
  CHECK(error.kind() == ErrorKind::checkpoint);
  CHECK(contains(error, "is damaged"));
}

TEST_CASE("a table's description that makes no sense is named as damage") {
  const test::TempDir dir;
  make_store(dir.path(), 2);
  const auto spoil = [&](const std::string& sql) {
    Database(dir / "checkpoint.db", OpenMode::write).execute_script(sql);
  };
  SUBCASE("columns") {
    spoil("UPDATE tbl SET columns = '[{}]'");
  }
  SUBCASE("split") {
    spoil("UPDATE tbl SET split = 'hash'");
  }
  SUBCASE("kind") {
    spoil("UPDATE tbl SET kind = ''");
  }
  SUBCASE("replica identity") {
    spoil("UPDATE tbl SET replica_identity = ''");
  }
  const auto store = open_store_read_only(dir.path());
  CHECK(contains(error_of([&] { store->tables(); }), "is damaged"));
}

TEST_CASE("a store opened for reading refuses to write") {
  const test::TempDir dir;
  make_store(dir.path(), 2);
  const auto store = open_store_read_only(dir.path());
  CHECK(error_of([&] { store->claim(1, 1); }).kind() == ErrorKind::checkpoint);
  CHECK(error_of([&] { store->add_event({}); }).kind() == ErrorKind::checkpoint);
  CHECK(deliveries(*store, 0, "planned").size() == 2);
}

TEST_CASE("a finished job can be read where nothing may be written, whatever its name") {
  const test::TempDir dir;
  const auto job = dir / "a?b#c%20 d&\xC3\xA9";
  std::filesystem::create_directory(job);
  make_store(job, 5);
  REQUIRE_FALSE(std::filesystem::exists(job / "checkpoint.db-wal"));
  CHECK(readable_without_write_access(job, 5));
}

TEST_CASE("a killed job can be read where nothing may be written, its log included") {
  const test::TempDir dir;
  make_store_and_die(dir.path(), 5);
  CHECK(readable_without_write_access(dir.path(), 5));
}

TEST_CASE("a killed job can be read, and read again, before anybody resumes it") {
  const test::TempDir dir;
  make_store_and_die(dir.path(), 5);
  for (int time = 0; time < 2; ++time) {
    CHECK(deliveries(*open_store_read_only(dir.path())).size() == 5);
  }
  std::filesystem::remove(dir / "checkpoint.db-shm");
  CHECK(deliveries(*open_store_read_only(dir.path())).size() == 5);
}

}  // namespace pgstride::checkpoint
