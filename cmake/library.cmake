# pgstride::pgstride: one static library of all modules, installed with a package configuration.
add_library(pgstride STATIC)
add_library(pgstride::pgstride ALIAS pgstride)
foreach(module ${PGSTRIDE_MODULES})
  target_sources(pgstride PRIVATE $<TARGET_OBJECTS:pgstride_${module}>)
endforeach()
target_include_directories(pgstride PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(pgstride
  PRIVATE $<BUILD_INTERFACE:pgstride_flags>
  PUBLIC Threads::Threads PostgreSQL::PostgreSQL SQLite::SQLite3 TBB::tbb fmt::fmt ZLIB::ZLIB
         PkgConfig::xxhash PkgConfig::zstd PkgConfig::lz4 PkgConfig::isal)

include(CMakePackageConfigHelpers)
install(TARGETS pgstride EXPORT pgstride-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/pgstride DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT pgstride-targets NAMESPACE pgstride:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/pgstride)
configure_package_config_file(cmake/pgstride-config.cmake.in pgstride-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/pgstride)
write_basic_package_version_file(pgstride-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/pgstride-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/pgstride-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/pgstride)
