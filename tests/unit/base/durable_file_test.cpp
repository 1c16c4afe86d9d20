#include "base/durable_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <string>

#include "pgstride/error.hpp"
#include "support/temp_dir.hpp"

namespace pgstride {
namespace {

namespace fs = std::filesystem;

/// The error that an action throws.
template <typename Action> std::optional<Error> error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

TEST_CASE("a file has its name only after commit") {
  const test::TempDir dir;
  {
    DurableFile file(dir / "a");
    file.write("one ");
    file.write("two");
    CHECK(file.size() == 7);
    CHECK_FALSE(fs::exists(dir / "a"));
    CHECK(fs::exists(dir / "a.part"));
    file.commit();
  }
  CHECK(test::read_text(dir / "a") == "one two");
  CHECK_FALSE(fs::exists(dir / "a.part"));
}

TEST_CASE("an abandoned file leaves nothing and keeps the one before") {
  const test::TempDir dir;
  test::write_text(dir / "a", "before");
  { DurableFile(dir / "a").write("after"); }
  CHECK(test::read_text(dir / "a") == "before");
  CHECK_FALSE(fs::exists(dir / "a.part"));
}

TEST_CASE("a part that a crash left is begun anew") {
  const test::TempDir dir;
  test::write_text(dir / "a.part", "a long rest of an earlier run");
  DurableFile file(dir / "a");
  file.write("new");
  file.commit();
  CHECK(test::read_text(dir / "a") == "new");
}

TEST_CASE("a file beyond the write-back step has all its bytes") {
  const test::TempDir dir;
  std::string bytes(3 << 20, 'x');
  DurableFile file(dir / "a");
  for (char c = 'a'; c < 'a' + 7; ++c) {
    bytes.assign(bytes.size(), c);
    file.write(bytes);
  }
  file.commit();
  const std::string all = test::read_text(dir / "a");
  REQUIRE(all.size() == 7 * bytes.size());
  CHECK(file.size() == static_cast<std::int64_t>(all.size()));
  for (std::size_t i = 0; i < 7; ++i) {
    CHECK(all.substr(i * bytes.size(), bytes.size()) ==
          std::string(bytes.size(), static_cast<char>('a' + i)));
  }
}

TEST_CASE("no space is an error that names the file and says that the job resumes") {
  const test::TempDir dir;
  fs::create_symlink("/dev/full", dir / "a.part");
  DurableFile file(dir / "a");
  const auto error = error_of([&] { file.write("x"); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::io);
  CHECK(error->what() ==
        "can't write \"" + (dir / "a.part").string() + "\": No space left on device");
  CHECK(error->hint().find("resumes") != std::string::npos);
  CHECK_FALSE(error->is_transient());
}

TEST_CASE("a file system that fills up keeps no half file, and has room again") {
  const auto small = test::SmallFileSystem::mount(1 << 20);
  if (!small) {
    MESSAGE("not run: no tmpfs can be mounted here");
    return;
  }
  const std::string bytes(64 << 10, 'x');
  const auto error = error_of([&] {
    DurableFile file(small->path() / "a");
    for (int i = 0; i < 100; ++i) {
      file.write(bytes);
    }
    file.commit();
  });
  REQUIRE(error);
  CHECK(std::string(error->what()).find("No space left") != std::string::npos);
  CHECK(fs::is_empty(small->path()));
  CHECK(fs::space(small->path()).available == fs::space(small->path()).capacity);
}

TEST_CASE("a directory that is not there or is a file is named in the error") {
  const test::TempDir dir;
  test::write_text(dir / "file", "");
  const auto missing = error_of([&] { DurableFile file(dir.path() / "no" / "a"); });
  REQUIRE(missing);
  CHECK(std::string(missing->what()).find("no/a.part\": No such file") != std::string::npos);
  CHECK_FALSE(missing->hint().empty());
  const auto in_file = error_of([&] { DurableFile file(dir.path() / "file" / "a"); });
  REQUIRE(in_file);
  CHECK(std::string(in_file->what()).find("Not a directory") != std::string::npos);
}

TEST_CASE("a name taken by a directory fails the commit, not the directory") {
  const test::TempDir dir;
  fs::create_directory(dir / "a");
  DurableFile file(dir / "a");
  CHECK_THROWS_AS(file.commit(), Error);
  CHECK(fs::is_directory(dir / "a"));
}

TEST_CASE("directories are made with their parents, and made twice is no error") {
  const test::TempDir dir;
  make_directories(dir.path() / "a" / "b c" / "d");
  make_directories(dir.path() / "a" / "b c" / "d");
  make_directories((dir.path() / "a" / "e").string() + "/");
  CHECK(fs::is_directory(dir.path() / "a" / "b c" / "d"));
  CHECK(fs::is_directory(dir.path() / "a" / "e"));
  test::write_text(dir / "file", "");
  CHECK_THROWS_AS(make_directories(dir / "file"), Error);
  CHECK_THROWS_AS(make_directories(dir.path() / "file" / "a"), Error);
}

TEST_CASE("removing a file that is not there is no error, removing a directory is") {
  const test::TempDir dir;
  test::write_text(dir / "a", "");
  remove_file(dir / "a");
  CHECK_FALSE(fs::exists(dir / "a"));
  remove_file(dir / "a");
  fs::create_directory(dir / "d");
  CHECK_THROWS_AS(remove_file(dir / "d"), Error);
}

TEST_CASE("errors that a person can mend have a hint") {
  for (const int number : {ENOSPC, EDQUOT, EACCES, EPERM, EROFS, ENOENT, ENOTDIR, EISDIR, EEXIST,
                           ENAMETOOLONG, EMFILE, ENFILE, EFBIG, EIO, ESTALE}) {
    CAPTURE(number);
    CHECK_FALSE(io_error("write", "x", number).hint().empty());
  }
  CHECK(io_error("write", "x", EINVAL).hint().empty());
}

}  // namespace
}  // namespace pgstride
