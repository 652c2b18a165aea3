# SPDX-License-Identifier: MIT
# cmake -DREADELF=readelf -DHOW=-pie -DPROGRAM=file -DOBJECTS=its;own;objects -P ...: fails if the
# program lacks what makes it harder to take over.
execute_process(COMMAND "${READELF}" -hldsW "${PROGRAM}" OUTPUT_VARIABLE elf COMMAND_ERROR_IS_FATAL ANY)
set(lacks "")

# Position-independent: where it lies is another place each time it is started.
if(NOT elf MATCHES "Type: +DYN")
  list(APPEND lacks "it is not position-independent")
endif()
# All it has from libraries is bound before main(), and read-only from then on.
if(NOT elf MATCHES "GNU_RELRO")
  list(APPEND lacks "it has no segment that becomes read-only (RELRO)")
endif()
if(NOT elf MATCHES "BIND_NOW|FLAGS_1\\)[^\n]*NOW")
  list(APPEND lacks "its libraries are bound one by one (no BIND_NOW)")
endif()
if(NOT elf MATCHES "GNU_STACK[^\n]* RW +0x")
  list(APPEND lacks "its stack is executable, or nothing says that it is not")
endif()
if(elf MATCHES "(LOAD|TLS)[^\n]* RWE +0x")
  list(APPEND lacks "it has a segment that can be written and executed")
endif()
if(HOW STREQUAL "-static-pie" AND elf MATCHES "INTERP")
  list(APPEND lacks "it wants a dynamic loader")
endif()
# What the C library checks for the compiler: buffers of a known size, the stack's canary. In
# linstub-hotplug the compiler has proved all calls itself, and none is left to be checked; in
# linstub-display those that are left are to buffers whose size it cannot know.
if(NOT elf MATCHES "__[a-z_]+_chk(@|[ \n])" AND NOT PROGRAM MATCHES "/linstub-(hotplug|display)$")
  list(APPEND lacks "no call in it is fortified")
endif()
if(NOT elf MATCHES "__stack_chk_fail")
  list(APPEND lacks "its functions do not guard the stack")
endif()

# Landing pads and a shadow stack are marked in an object only if all of its code is made for them.
foreach(object IN LISTS OBJECTS)
  execute_process(COMMAND "${READELF}" -nW "${object}" OUTPUT_VARIABLE notes COMMAND_ERROR_IS_FATAL ANY)
  if(NOT notes MATCHES "x86 feature: IBT, SHSTK")
    list(APPEND lacks "${object} is not made for control-flow protection")
  endif()
endforeach()

if(lacks)
  list(JOIN lacks "\n  " text)
  message(FATAL_ERROR "${PROGRAM}:\n  ${text}")
endif()
