# SPDX-License-Identifier: MIT
# cmake -DNM=nm -DPROGRAM=file -P ...: fails if the program has std::format in it (base/format.hpp).
execute_process(COMMAND "${NM}" "${PROGRAM}" OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
if(NOT symbols MATCHES " T main\n")
  message(FATAL_ERROR "${PROGRAM}: it has no symbols to look at")
endif()
if(symbols MATCHES "[^\n]*St8__format[^\n]*")
  message(FATAL_ERROR "${PROGRAM}: something calls std::format where base::format is meant, or passes "
                      "base::format what it leaves to that: ${CMAKE_MATCH_0}")
endif()
