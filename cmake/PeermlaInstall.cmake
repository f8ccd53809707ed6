# What `cmake --install` writes, and what find_package(Peermla) finds in an
# install or build tree: headers, libraries, the runtime archive that becomes
# part of every model, and the tools.

include(CMakePackageConfigHelpers)

get_property(peermla_libraries GLOBAL PROPERTY PEERMLA_LIBRARIES)
list(APPEND peermla_libraries PeermlaRuntime PeermlaSimulator)
# Plain folders: tools find the archive as ../lib from where they are.
set(peermla_package_dir lib/cmake/peermla)

install(TARGETS ${peermla_libraries} EXPORT PeermlaTargets
        ARCHIVE DESTINATION lib)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/peermla"
                  "${PROJECT_BINARY_DIR}/include/peermla"
        DESTINATION include
        FILES_MATCHING PATTERN "*.h" PATTERN "*.def" PATTERN "*.td" PATTERN "*.inc"
        PATTERN "CMakeFiles" EXCLUDE)
install(EXPORT PeermlaTargets DESTINATION ${peermla_package_dir})
export(EXPORT PeermlaTargets
       FILE "${PROJECT_BINARY_DIR}/${peermla_package_dir}/PeermlaTargets.cmake")

# The same file for both trees, with other folders in it.
set(peermla_include_dirs "${PROJECT_SOURCE_DIR}/include"
                         "${PROJECT_BINARY_DIR}/include")
set(peermla_runtime_archive
    "${CMAKE_ARCHIVE_OUTPUT_DIRECTORY}/libpeermla_runtime.a")
set(PACKAGE_INIT "")
configure_file(cmake/PeermlaConfig.cmake.in
  "${PROJECT_BINARY_DIR}/${peermla_package_dir}/PeermlaConfig.cmake" @ONLY)

set(peermla_include_dirs "\${PACKAGE_PREFIX_DIR}/include")
set(peermla_runtime_archive
    "\${PACKAGE_PREFIX_DIR}/lib/libpeermla_runtime.a")
set(peermla_installed_dir "${PROJECT_BINARY_DIR}/installed")
configure_package_config_file(cmake/PeermlaConfig.cmake.in
  "${peermla_installed_dir}/PeermlaConfig.cmake"
  INSTALL_DESTINATION ${peermla_package_dir})
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/${peermla_package_dir}/PeermlaConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${peermla_installed_dir}/PeermlaConfig.cmake"
  "${PROJECT_BINARY_DIR}/${peermla_package_dir}/PeermlaConfigVersion.cmake"
  DESTINATION ${peermla_package_dir})

# For users of compiled models, who need neither CMake nor LLVM.
configure_file(cmake/peermla.pc.in "${peermla_installed_dir}/peermla.pc" @ONLY)
install(FILES "${peermla_installed_dir}/peermla.pc"
        DESTINATION lib/pkgconfig)
