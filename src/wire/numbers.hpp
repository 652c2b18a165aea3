// SPDX-License-Identifier: MIT
// Whole numbers in wire formats: little endian, at the start of the bytes given.
#pragma once

#include <cstddef>
#include <span>

namespace linstub::wire {

template <class Number>
void put(std::span<std::byte> at, Number number) {
  for (size_t i = 0; i < sizeof(Number); i++)
    at[i] = static_cast<std::byte>(number >> (8 * i));
}

template <class Number>
Number get(std::span<const std::byte> at) {
  Number number = 0;
  for (size_t i = 0; i < sizeof(Number); i++)
    number = static_cast<Number>(number |
                                 static_cast<Number>(std::to_integer<Number>(at[i]) << (8 * i)));
  return number;
}

} // namespace linstub::wire
