#include <doctest/doctest.h>

#include "secrets.hpp"

using pgstride::cli::without_secrets;

TEST_CASE("A password is masked in every form that libpq takes it") {
  CHECK(without_secrets("host=h password=secret dbname=d") == "host=h password=****** dbname=d");
  CHECK(without_secrets("password = 'a b\\'c' host=h") == "password = ******** host=h");
  CHECK(without_secrets("sslpassword=x") == "sslpassword=*");
  CHECK(without_secrets("password=") == "password=");
  CHECK(without_secrets("postgresql://u:pw@h:5432/d") == "postgresql://u:**@h:5432/d");
  CHECK(without_secrets("--source=postgres://u:p:w@h/d?sslpassword=y&a=b") ==
        "--source=postgres://u:***@h/d?sslpassword=*&a=b");
}

TEST_CASE("What is no password stays readable") {
  for (const char* text : {"postgresql://h:5432/d", "postgresql://u@h:5432/d", "host=h port=5432",
                           "passwords.txt", "t:password_hash IS NULL", "service=shop"}) {
    CHECK(without_secrets(text) == text);
  }
}
