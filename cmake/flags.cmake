# Warnings and sanitizers, as one INTERFACE target that every module links.
add_library(pgstride_flags INTERFACE)
target_compile_options(pgstride_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                       -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
                       # g++ 12 sees overlaps in std::string that are not there (GCC bug 105651).
                       -Wno-restrict)
if(PGSTRIDE_DEV AND NOT PGSTRIDE_SANITIZE)
  # Instrumented, g++ 12 warns of much in its own headers that is not so.
  target_compile_options(pgstride_flags INTERFACE -Werror)
endif()
if(PGSTRIDE_SANITIZE)
  target_compile_options(pgstride_flags INTERFACE -fsanitize=${PGSTRIDE_SANITIZE}
                         -fno-omit-frame-pointer -fno-sanitize-recover=all
                         -Wno-maybe-uninitialized -Wno-array-bounds)
  target_link_options(pgstride_flags INTERFACE -fsanitize=${PGSTRIDE_SANITIZE})
endif()
if(PGSTRIDE_CRASH_POINTS)
  target_compile_definitions(pgstride_flags INTERFACE PGSTRIDE_CRASH_POINTS)
endif()

# For what takes no bytes apart: checks that double the time to compile, and of which ASan sees most.
function(pgstride_check_less target)
  if(PGSTRIDE_SANITIZE)
    # Only here, so that the other builds show what a file forgets to include.
    target_precompile_headers(${target} PRIVATE <algorithm> <functional> <map> <memory> <optional>
                              <string> <vector> <fmt/format.h>)
  endif()
  if(PGSTRIDE_SANITIZE MATCHES undefined)
    target_compile_options(${target} PRIVATE -fno-sanitize=null,alignment,vptr)
  endif()
endfunction()
