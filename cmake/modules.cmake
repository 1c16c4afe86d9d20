# pgstride_module(NAME USES modules… LINK targets…): src/NAME as an object library `pgstride_NAME`, and
# `pgstride_NAME_closure`, which carries the objects of NAME and of all it uses, for a test to link.
function(pgstride_module name)
  cmake_parse_arguments(arg "" "" "USES;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cpp)
  add_library(pgstride_${name} OBJECT ${sources})
  target_include_directories(pgstride_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include
                             ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(pgstride_${name} PRIVATE pgstride_flags PUBLIC Threads::Threads ${arg_LINK})
  set_target_properties(pgstride_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  if(PGSTRIDE_SANITIZE)
    # Only here, so that the other builds show what a file forgets to include.
    target_precompile_headers(pgstride_${name} PRIVATE <algorithm> <functional> <map>
                              <memory> <optional> <string> <vector> <fmt/format.h>)
  endif()
  if(PGSTRIDE_SANITIZE MATCHES undefined AND NOT name MATCHES "^(base|pg|format|archive)$")
    # They double the time to compile. Where no bytes are taken apart, ASan sees what they would.
    target_compile_options(pgstride_${name} PRIVATE -fno-sanitize=null,alignment,vptr)
  endif()
  set(all ${name})
  foreach(used ${arg_USES})
    list(APPEND all ${PGSTRIDE_ALL_OF_${used}})
  endforeach()
  list(REMOVE_DUPLICATES all)
  set(PGSTRIDE_ALL_OF_${name} ${all} PARENT_SCOPE)
  set(PGSTRIDE_MODULES ${PGSTRIDE_MODULES} ${name} PARENT_SCOPE)
endfunction()
