# Targets of this project: libraries and tools that link libMLIR.so and
# libLLVM.so only. Naming an MLIRxxx target would drag static archives in.

# One translation unit with the heavy MLIR headers; all that includes them reuses
# it: libraries, and with their code generation (-fPIC, not -fPIE) tools and tests.
function(peermla_use_pch target)
  if(NOT TARGET PeermlaPch)
    file(WRITE "${CMAKE_BINARY_DIR}/pch.cpp" "")
    add_library(PeermlaPch OBJECT "${CMAKE_BINARY_DIR}/pch.cpp")
    target_precompile_headers(PeermlaPch PRIVATE
      "${PROJECT_SOURCE_DIR}/include/peermla/Support/Precompiled.h")
  endif()
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_precompile_headers(${target} REUSE_FROM PeermlaPch)
endfunction()

# peermla_add_library(NAME source... [LINK lib...] [DEPENDS target...])
function(peermla_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
  add_dependencies(${name} PeermlaHeaders ${ARG_DEPENDS})
  peermla_use_pch(${name})
  set_property(GLOBAL APPEND PROPERTY PEERMLA_LIBRARIES ${name})
endfunction()

# peermla_add_tool(NAME source... [LINK lib...])
function(peermla_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
  add_dependencies(${name} PeermlaHeaders)
  peermla_use_pch(${name})
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()

# peermla_tablegen_dialect(NAME dialect file): XDialect/XOps/XAttrs/XEnums .inc
function(peermla_tablegen_dialect stem dialect)
  set(LLVM_TARGET_DEFINITIONS ${stem}Ops.td)
  mlir_tablegen(${stem}Dialect.h.inc -gen-dialect-decls -dialect=${dialect})
  mlir_tablegen(${stem}Dialect.cpp.inc -gen-dialect-defs -dialect=${dialect})
  mlir_tablegen(${stem}Ops.h.inc -gen-op-decls -dialect=${dialect})
  mlir_tablegen(${stem}Ops.cpp.inc -gen-op-defs -dialect=${dialect})
  mlir_tablegen(${stem}Enums.h.inc -gen-enum-decls)
  mlir_tablegen(${stem}Enums.cpp.inc -gen-enum-defs)
  mlir_tablegen(${stem}Attrs.h.inc -gen-attrdef-decls -attrdefs-dialect=${dialect})
  mlir_tablegen(${stem}Attrs.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${dialect})
  add_public_tablegen_target(Peermla${stem}IncGen)
  add_dependencies(PeermlaHeaders Peermla${stem}IncGen)
endfunction()
