// SPDX-License-Identifier: MIT
#include "dm/state_save.hpp"

#include "base/log.hpp"
#include "wire/state_record.hpp"

namespace linstub::dm {
namespace {

constexpr base::Milliseconds reason_timeout{300};
constexpr uint32_t window = 16; // bytes: one is all that comes

} // namespace

base::Result<std::unique_ptr<StateSave>> StateSave::start(Context context, Ready ready, Done done) {
  std::unique_ptr<StateSave> save(new StateSave(context, std::move(ready), std::move(done)));
  save->stream_ = TRY(context.channel.open(wire::Service::save, 0, window, *save));
  context.host.plug_state([raw = save.get(), alive = std::weak_ptr(save->alive_)](auto file) {
    if (!alive.expired())
      raw->plugged(std::move(file));
  });
  return save;
}

void StateSave::plugged(base::Result<base::Fd> file) {
  if (!file)
    return finish(std::unexpected(std::move(file).error()));
  file_.emplace(disk::StateFile::of(std::move(*file)));
  ask_if_ready();
}

void StateSave::save(SaveFor purpose, base::Deadline deadline, Target target) {
  purpose_ = purpose;
  target_ = std::move(target);
  deadline_ = context_.loop.at(deadline, [this] {
    finish(copy_ ? base::fail("QEMU's state could not be copied in time")
                 : base::fail("the stub domain has not saved QEMU's state in time"));
  });
  if (ready())
    ask();
}

StateSave::~StateSave() {
  if (stream_ != 0)
    context_.channel.close(stream_);
}

void StateSave::on_accept() {
  accepted_ = true;
  ask_if_ready();
}

void StateSave::ask_if_ready() {
  if (ready())
    purpose_ ? ask() : ready_();
}

void StateSave::ask() {
  std::string arguments = base::format(R"({{"filename":"{}","live":{}}})", wire::save_pipe,
                                       purpose_ == SaveFor::elsewhere ? "true" : "false");
  auto sent = context_.monitors.ask("xen-save-devices-state", arguments,
                                    [this, alive = std::weak_ptr(alive_)](const qmp::Reply &reply) {
                                      if (!alive.expired())
                                        replied(reply);
                                    });
  if (!sent)
    finish(std::unexpected(std::move(sent).error()));
}

void StateSave::replied(const qmp::Reply &reply) {
  if (reply.failed()) {
    // linstub-init's reason is the better one, if it has one: then it comes at about this time.
    deadline_ = context_.loop.at(base::Deadline::after(reason_timeout), [this, why = reply.error] {
      finish(base::fail("QEMU cannot save its state: {}", why));
    });
    return;
  }
  replied_ = true;
  copy_if_complete();
}

void StateSave::on_data(std::span<const std::byte> bytes) {
  if (committed_ || !file_ || bytes.size() != 1 || bytes[0] != wire::committed)
    return finish(base::fail("the stub domain breaks the protocol of saving"));
  committed_ = true;
  copy_if_complete();
}

void StateSave::on_close(std::string_view reason) {
  stream_ = 0;
  if (!committed_)
    finish(base::fail("the stub domain cannot save QEMU's state: {}",
                      base::printable(reason, wire::longest_reason)));
}

void StateSave::copy_if_complete() {
  if (committed_ && replied_)
    copy_ = disk::StateCopy::start(
        context_.loop, *file_, std::move(target_),
        [this](base::Result<uint64_t> length) { finish(std::move(length)); });
}

void StateSave::finish(base::Result<uint64_t> length) {
  if (!done_)
    return;
  deadline_.reset();
  alive_.reset();
  copy_.reset();
  // Not from here: a stream or a reply may be in the middle of its call.
  finish_ = context_.loop.soon([this, length = std::move(length), done = std::exchange(done_, {})] {
    auto call = done;
    length ? call(SavedState{.file = std::move(*file_), .length = *length})
           : call(std::unexpected(length.error()));
  });
}

} // namespace linstub::dm
