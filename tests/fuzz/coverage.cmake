# SPDX-License-Identifier: MIT
# Prints which part of each parser the corpora of the fuzz targets have reached:
#
#     cmake -DGCOV=gcov -DBUILD=DIRECTORY -P coverage.cmake
#
# BUILD is one of the preset `coverage`, in which `ctest -L fuzz` has run.
set(parsers src/base/log.cpp src/base/result.cpp src/disk/qcow2.cpp src/disk/saved_state.cpp
            src/image/copyright.cpp
            src/image/elf.cpp src/manifest/fields.cpp src/manifest/identity.cpp src/manifest/read.cpp
            src/pci/host_pci.cpp src/qmp/message.cpp src/qmp/policy.cpp src/qmp/session.cpp
            src/wire/frame.cpp src/wire/mux.cpp src/wire/options.cpp src/wire/state_record.cpp
            src/xen/domid.cpp src/xen/pci_address.cpp)
foreach(parser ${parsers})
  string(REGEX REPLACE "^src/([a-z]+)/(.*)$" "src/\\1/CMakeFiles/*.dir/\\2.gcda" pattern "${parser}")
  file(GLOB counts "${BUILD}/${pattern}")
  if(NOT counts)
    message("  not run  ${parser}")
    continue()
  endif()
  execute_process(COMMAND "${GCOV}" --no-output ${counts} OUTPUT_VARIABLE said ERROR_QUIET
                  COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCH "File '[^']*${parser}'\nLines executed:([0-9.]+)% of ([0-9]+)" found "${said}")
  message("${CMAKE_MATCH_1} % of ${CMAKE_MATCH_2} lines  ${parser}")
endforeach()
