# install.cmake: headers, libraries, pkg-config files and, for shared libraries, a CMake package.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vkseg)

install(DIRECTORY include/vkseg DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
set_target_properties(vksegio PROPERTIES INSTALL_RPATH "$ORIGIN")
if(BUILD_SHARED_LIBS)
  install(TARGETS vkseg vksegio EXPORT vksegTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(EXPORT vksegTargets NAMESPACE vkseg:: DESTINATION ${package_dir})
  configure_package_config_file(cmake/vksegConfig.cmake.in ${CMAKE_BINARY_DIR}/vksegConfig.cmake
    INSTALL_DESTINATION ${package_dir})
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/vksegConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/vksegConfig.cmake ${CMAKE_BINARY_DIR}/vksegConfigVersion.cmake
    DESTINATION ${package_dir})
else()
  # A static archive drags in the private libraries; pkg-config --static names them.
  install(TARGETS vkseg vksegio ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
foreach(name vkseg vksegio)
  configure_file(cmake/${name}.pc.in ${CMAKE_BINARY_DIR}/${name}.pc.configured @ONLY)
  # The prefix may be chosen as late as `cmake --install --prefix`.
  install(CODE "
    file(READ \"${CMAKE_BINARY_DIR}/${name}.pc.configured\" text)
    string(REGEX REPLACE \"^prefix=[^\\n]*\" \"prefix=\${CMAKE_INSTALL_PREFIX}\" text \"\${text}\")
    file(WRITE \"${CMAKE_BINARY_DIR}/${name}.pc\" \"\${text}\")")
  install(FILES ${CMAKE_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/vkseg)
if(EXISTS ${CMAKE_SOURCE_DIR}/assets/demo)
  install(DIRECTORY assets/demo DESTINATION ${CMAKE_INSTALL_DATADIR}/vkseg)
endif()
