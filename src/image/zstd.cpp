// SPDX-License-Identifier: MIT
#include "image/zstd.hpp"

#include <zstd.h>

#include <memory>

namespace linstub::image {
namespace {

constexpr int level = 19;
// The kernel allocates the window while it unpacks, beside the archive and its content, so this is
// memory that the stub domain must have at boot: 4 MiB. (Its own limit is 128 MiB.)
constexpr int window_bits = 22;

} // namespace

base::Result<std::string> compress(std::string_view data) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     ZSTD_freeCCtx);
  if (!context)
    return base::fail("compress: no memory");
  // Without a content size the frame states its window. With it, a frame may ask for a buffer as
  // large as the whole content.
  for (const auto &[parameter, value] :
       {std::pair{ZSTD_c_compressionLevel, level}, std::pair{ZSTD_c_windowLog, window_bits},
        std::pair{ZSTD_c_contentSizeFlag, 0}, std::pair{ZSTD_c_checksumFlag, 1}}) {
    const size_t result = ZSTD_CCtx_setParameter(context.get(), parameter, value);
    if (ZSTD_isError(result) != 0)
      return base::fail("compress: {}", ZSTD_getErrorName(result));
  }
  std::string out(ZSTD_compressBound(data.size()), '\0');
  const size_t size =
      ZSTD_compress2(context.get(), out.data(), out.size(), data.data(), data.size());
  if (ZSTD_isError(size) != 0)
    return base::fail("compress: {}", ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

} // namespace linstub::image
