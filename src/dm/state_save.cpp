#include "dm/state_save.hpp"

#include "base/log.hpp"
#include "wire/state_record.hpp"

namespace linstub::dm {
namespace {

constexpr base::Milliseconds longest_wait_for_reason{300};
constexpr uint32_t window = 16; // bytes: one is all that comes

} // namespace

base::Result<std::unique_ptr<StateSave>> StateSave::start(Context context, SaveFor purpose,
                                                          base::Deadline deadline, Done done) {
  StateFile file = TRY(StateFile::make(context.guest));
  std::unique_ptr<StateSave> save(
      new StateSave(context, purpose, std::move(file), std::move(done)));
  auto *raw = save.get();
  save->attach_ =
      TRY(Helper::start(context.loop,
                        {helper_program, "attach", base::format("{}", context.stub),
                         save->file_.path(), wire::state_disk},
                        {}, -1, deadline, [raw](auto output) { raw->attached(output); }));
  save->deadline_ = context.loop.at(deadline, [raw] {
    raw->finish(base::fail("the stub domain has not saved QEMU's state in time"));
  });
  return save;
}

StateSave::~StateSave() {
  if (stream_ != 0)
    context_.channel.close(stream_);
}

std::vector<std::string> StateSave::detach_command(xen::DomId stub) {
  return {helper_program, "detach", base::format("{}", stub), wire::state_disk};
}

void StateSave::attached(const base::Result<std::string> &output) {
  if (!output)
    return finish(base::fail("attach the state disk: {}", output.error().message()));
  auto stream = context_.channel.open(wire::Service::save, 0, window, *this);
  if (!stream)
    return finish(std::unexpected(std::move(stream).error()));
  stream_ = *stream;
}

void StateSave::on_accept() {
  std::string arguments = base::format(R"({{"filename":"{}","live":{}}})", wire::save_pipe,
                                       purpose_ == SaveFor::elsewhere ? "true" : "false");
  auto sent = context_.monitors.ask("xen-save-devices-state", arguments,
                                    [this, alive = std::weak_ptr(alive_)](const qmp::Reply &reply) {
                                      if (!alive.expired())
                                        replied(reply);
                                    });
  if (!sent)
    finish(sent);
}

void StateSave::replied(const qmp::Reply &reply) {
  if (reply.failed()) {
    // linstub-init's reason is the better one, if it has one: then it comes at about this time.
    deadline_ =
        context_.loop.at(base::Deadline::after(longest_wait_for_reason), [this, why = reply.error] {
          finish(base::fail("QEMU cannot save its state: {}", why));
        });
    return;
  }
  replied_ = true;
  finish_if_complete();
}

void StateSave::on_data(std::span<const std::byte> bytes) {
  if (committed_ || bytes.size() != 1 || bytes[0] != wire::committed)
    return finish(base::fail("the stub domain breaks the protocol of saving"));
  committed_ = true;
  finish_if_complete();
}

void StateSave::on_close(std::string_view reason) {
  stream_ = 0;
  if (!committed_)
    finish(base::fail("the stub domain cannot save QEMU's state: {}",
                      base::printable(reason, wire::longest_reason)));
}

void StateSave::finish_if_complete() {
  if (committed_ && replied_)
    finish({});
}

void StateSave::finish(base::Result<> result) {
  if (!done_)
    return;
  deadline_.reset();
  alive_.reset();
  // Not from here: a stream or a reply may be in the middle of its call.
  finish_ =
      context_.loop.at(base::Deadline::after(base::Milliseconds::zero()),
                       [this, result = std::move(result), done = std::exchange(done_, {})] {
                         auto call = done;
                         result ? call(std::move(file_)) : call(std::unexpected(result.error()));
                       });
}

} // namespace linstub::dm
