// SPDX-License-Identifier: MIT
// Transport: the flow of bytes between two domains that a channel lies on, at either end: a vchan,
// or a test's stand-in (tests/fake/transport.hpp).
#pragma once

#include "base/result.hpp"
#include "xen/vchan.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace linstub::xen {

class Transport {
public:
  Transport() = default;
  Transport(const Transport &) = delete;
  Transport &operator=(const Transport &) = delete;
  virtual ~Transport() = default;

  // As in Vchan.
  [[nodiscard]] virtual int fd() const = 0;
  virtual void acknowledge() = 0;
  virtual bool accept() = 0;
  virtual void discard() = 0;
  [[nodiscard]] virtual Vchan::State state() const = 0;
  virtual base::Result<size_t> read(std::span<std::byte> bytes) = 0;
  virtual base::Result<size_t> write(std::span<const std::byte> bytes) = 0;
};

class VchanTransport final : public Transport {
public:
  explicit VchanTransport(Vchan vchan) : vchan_(std::move(vchan)) {}

  [[nodiscard]] int fd() const override { return vchan_.fd(); }
  void acknowledge() override { vchan_.acknowledge(); }
  bool accept() override { return vchan_.accept(); }
  void discard() override { vchan_.discard(); }
  [[nodiscard]] Vchan::State state() const override { return vchan_.state(); }
  base::Result<size_t> read(std::span<std::byte> bytes) override { return vchan_.read(bytes); }
  base::Result<size_t> write(std::span<const std::byte> bytes) override {
    return vchan_.write(bytes);
  }

private:
  Vchan vchan_;
};

} // namespace linstub::xen
