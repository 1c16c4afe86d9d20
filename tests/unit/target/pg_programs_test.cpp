#include "target/pg_programs.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "pgstride/error.hpp"
#include "support/temp_dir.hpp"

namespace pgstride::target {
namespace {

namespace fs = std::filesystem;

// Programs that tell a version, as scripts.
fs::path make_programs(const test::TempDir& dir, const std::string& name, int dump, int restore) {
  const auto folder = dir / name;
  fs::create_directories(folder);
  for (const auto& [program, version] : {std::pair{"pg_dump", dump}, {"pg_restore", restore}}) {
    if (version != 0) {
      test::write_text(folder / program, "#!/bin/sh\necho \"" + std::string(program) +
                                             " (PostgreSQL) " + std::to_string(version) + ".1\"\n");
      fs::permissions(folder / program, fs::perms::owner_all);
    }
  }
  return folder;
}

/// PATH for one test; the versions of the machine are seen all the same.
class Path {
 public:
  explicit Path(const std::string& path) : m_before(std::getenv("PATH")) {
    ::setenv("PATH", path.c_str(), 1);
  }
  ~Path() { ::setenv("PATH", m_before.c_str(), 1); }

 private:
  std::string m_before;
};

std::string error_of(const std::string& path, int major) {
  try {
    find_pg_programs(path, major, {});
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return std::string(error.what()) + " | " + error.hint();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("Of several pg_dump the oldest that is new enough is taken, with its pg_restore") {
  const test::TempDir dir;
  const auto old = make_programs(dir, "old", 901, 901);
  const auto fit = make_programs(dir, "fit", 903, 903);
  const auto young = make_programs(dir, "young", 999, 999);
  const auto alone = make_programs(dir, "alone", 902, 0);
  const auto mixed = make_programs(dir, "mixed", 902, 903);
  const Path path(young.string() + ":" + alone.string() + ":" + old.string() +
                  ":/nowhere:" + mixed.string() + ":" + fit.string());
  const auto found = find_pg_programs("", 902, {});
  CHECK(found.major == 903);
  CHECK(found.pg_dump == (fit / "pg_dump").string());
  CHECK(found.pg_restore == (fit / "pg_restore").string());
  CHECK(find_pg_programs("", 901, {}).major == 901);
  const auto none = error_of("", 1000);
  CHECK(contains(none, "no pg_dump of version 1000 or newer, as the source is; found: "));
  CHECK(contains(none, (old / "pg_dump").string() + " (901)"));
  CHECK(contains(none, (alone / "pg_dump").string() + " (without its pg_restore)"));
  CHECK(contains(none, "--pg-dump PATH"));
}

TEST_CASE("--pg-dump alone is looked at if it is given, as a program or a folder") {
  const test::TempDir dir;
  const auto folder = make_programs(dir, "some where", 902, 902);
  CHECK(find_pg_programs((folder / "pg_dump").string(), 902, {}).major == 902);
  CHECK(find_pg_programs(folder.string(), 15, {}).pg_dump == (folder / "pg_dump").string());
  CHECK(contains(error_of(folder.string(), 903), "is version 902, older than the source"));
  CHECK(contains(error_of((dir / "nothing").string(), 15), "is no program"));
  CHECK(contains(error_of("/bin/true", 15), "is no pg_dump that has its pg_restore beside it"));
}

}  // namespace
}  // namespace pgstride::target
