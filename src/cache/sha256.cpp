#include "cache/sha256.hpp"

#include "base/fd.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <vector>

namespace linstub::cache {

struct Sha256::State {
  EVP_MD_CTX *context = EVP_MD_CTX_new();

  State() { EVP_DigestInit_ex(context, EVP_sha256(), nullptr); }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State &) = delete;
  State &operator=(const State &) = delete;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::Sha256(Sha256 &&) noexcept = default;
Sha256 &Sha256::operator=(Sha256 &&) noexcept = default;
Sha256::~Sha256() = default;

Sha256 &Sha256::add(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
  return *this;
}

Sha256 &Sha256::add(std::string_view text) { return add(std::as_bytes(std::span(text))); }

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EVP_DigestFinal_ex(state_->context, digest.data(), &size);
  std::string text;
  for (unsigned char byte : std::span(digest).first(size))
    text += std::format("{:02x}", byte);
  return text;
}

std::string sha256(std::string_view text) { return Sha256().add(text).hex(); }

base::Result<std::string> sha256_file(const std::string &path) {
  base::Fd fd = TRY(base::open_file(path, O_RDONLY));
  Sha256 digest;
  std::vector<std::byte> buffer(size_t{256} << 10);
  for (;;) {
    ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return base::fail_errno(errno, "read {}", path);
    if (got == 0)
      return digest.hex();
    digest.add(std::span(buffer).first(static_cast<size_t>(got)));
  }
}

} // namespace linstub::cache
