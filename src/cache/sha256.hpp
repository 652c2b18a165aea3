// SHA-256 (FIPS 180-4), by OpenSSL.
#pragma once

#include "base/result.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace linstub::cache {

// A running digest. Fed in pieces; hex() ends it.
class Sha256 {
public:
  Sha256();
  Sha256(Sha256 &&) noexcept;
  Sha256 &operator=(Sha256 &&) noexcept;
  ~Sha256();

  Sha256 &add(std::span<const std::byte> bytes);
  Sha256 &add(std::string_view text);

  // 64 lower-case hexadecimal digits.
  [[nodiscard]] std::string hex();

private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(std::string_view text);

// The digest of a file's content.
base::Result<std::string> sha256_file(const std::string &path);

} // namespace linstub::cache
