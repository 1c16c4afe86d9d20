#include "cli.hpp"

int main(int argc, char** argv) {
  return pgstride::cli::run(argc, argv);
}
