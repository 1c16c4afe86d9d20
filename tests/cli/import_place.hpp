// A folder for files and jobs, and a database with a table `people` that they go into. One thread.
#pragma once

#include <string>
#include <vector>

#include "cli/cli_cluster.hpp"

namespace pgstride::test {

struct ImportPlace {
  ImportPlace()
      : conninfo(cli_cluster().conninfo(cli_cluster().create_database("files"))),
        session(conninfo) {
    session.exec("CREATE TABLE people (id int, name text, born date)");
  }
  [[nodiscard]] Arguments command(const std::vector<std::string>& more) const {
    Arguments arguments{"import", "--target", conninfo,     "--job", (dir / "job").string(),
                        "-t",     "people",   "--progress", "none"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return program(arguments);
  }
  [[nodiscard]] Ended import(const std::vector<std::string>& more,
                             const Environment& environment = {}) const {
    return run(command(more), environment);
  }
  [[nodiscard]] std::string file(const std::string& name, const std::string& text) const {
    write_text(dir / name, text);
    return (dir / name).string();
  }
  std::string people() {
    return session.exec("SELECT id, name, born FROM people ORDER BY id, name");
  }
  TempDir dir;
  std::string conninfo;
  PgSession session;
};

}  // namespace pgstride::test
