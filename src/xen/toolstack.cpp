// SPDX-License-Identifier: MIT
#include "xen/toolstack.hpp"

#include "xen/ballooning.hpp"
#include "xen/libxl_headers.hpp"

#include <algorithm>
#include <iterator>
#include <span>

namespace linstub::xen {
namespace {

// One of libxl's structures, with its init and dispose.
template <class T, void (*init)(T *), void (*dispose)(T *)>
class Owned {
public:
  Owned() { init(&value_); }
  Owned(const Owned &) = delete;
  Owned &operator=(const Owned &) = delete;
  ~Owned() { dispose(&value_); }
  T *operator->() { return &value_; }
  T *get() { return &value_; }

private:
  T value_{};
};
using Config = Owned<libxl_domain_config, libxl_domain_config_init, libxl_domain_config_dispose>;
using Disk = Owned<libxl_device_disk, libxl_device_disk_init, libxl_device_disk_dispose>;

// libxl frees what it is given.
char *copy(const std::string &text) { return ::strdup(text.c_str()); }

char **copy(const std::vector<std::pair<std::string, std::string>> &pairs) {
  auto **list = static_cast<char **>(::calloc(2 * pairs.size() + 1, sizeof(char *)));
  size_t next = 0;
  for (const auto &[key, value] : pairs) {
    list[next++] = copy(key);
    list[next++] = copy(value);
  }
  return list;
}

// libxl keeps "userdata" of a domain by names, in files that it removes with the domain. Its own
// record of the configuration has this name; put aside it has the other one.
constexpr const char *record = "libxl-json";
constexpr const char *record_aside = "linstub-json";

struct Free {
  void operator()(uint8_t *data) const { ::free(data); }
};

// libxl has said on standard error what went wrong; here is only that it did.
std::unexpected<base::Error> failed(int code, std::string_view what) {
  return base::fail("{}: libxl error {} (see the lines above)", what, code);
}

} // namespace

void Toolstack::Close::operator()(libxl__ctx *context) const { libxl_ctx_free(context); }
void Toolstack::Close::operator()(xentoollog_logger *logger) const { xtl_logger_destroy(logger); }

base::Result<Toolstack> Toolstack::open() {
  constexpr unsigned flags = XTL_STDIOSTREAM_HIDE_PROGRESS;
  auto *plain = xtl_createlogger_stdiostream(stderr, XTL_WARN, flags);
  Logger logger(reinterpret_cast<xentoollog_logger *>(plain));
  libxl__ctx *context = nullptr;
  if (!logger || libxl_ctx_alloc(&context, LIBXL_VERSION, 0, logger.get()) != 0)
    return base::fail("open libxl: is this dom0, and does xenstored run?");
  return Toolstack(std::move(logger), Context(context));
}

base::Result<DomId> Toolstack::create(const NewDomain &domain) {
  Config config;
  const bool pvh = domain.type == DomainType::pvh;
  const auto type = pvh ? LIBXL_DOMAIN_TYPE_PVH : LIBXL_DOMAIN_TYPE_PV;
  config->c_info.type = type;
  config->c_info.name = copy(domain.name);
  config->c_info.xsdata = copy(domain.nodes);
  if (libxl_uuid_from_string(&config->c_info.uuid, text(domain.uuid).c_str()) != 0)
    return base::fail("create domain {}: libxl does not take its UUID", domain.name);

  libxl_domain_build_info &build = config->b_info;
  libxl_domain_build_info_init_type(&build, type);
  build.kernel = copy(domain.kernel);
  build.ramdisk = copy(domain.ramdisk);
  build.cmdline = copy(domain.command_line);
  build.max_vcpus = 1;
  build.max_memkb = uint64_t{domain.memory} << 10;
  build.target_memkb = build.max_memkb;
  if (pvh)
    build.shadow_memkb = uint64_t{domain.paging_memory} << 10;
  build.sched_params.weight = static_cast<int>(domain.limits.cpu_weight);
  build.sched_params.cap = static_cast<int>(domain.limits.cpu_cap);
  build.max_grant_frames = domain.limits.max_grant_frames;
  build.max_maptrack_frames = domain.limits.max_maptrack_frames;
  build.event_channels = domain.limits.max_event_channels;
  // QEMU reads the clock several times for each exit; a clock that Xen emulates costs more than all
  // the rest. A stub domain does not migrate, so it need not look the same elsewhere.
  build.tsc_mode = LIBXL_TSC_MODE_NATIVE;

  uint32_t domid = 0;
  if (int code = libxl_domain_create_new(context_.get(), config.get(), &domid, nullptr, nullptr))
    return failed(code, base::format("create domain {}", domain.name));
  return DomId{static_cast<uint16_t>(domid)};
}

base::Result<> Toolstack::remove_disk(DomId domid, const std::string &vdev) {
  Disk device;
  if (libxl_vdev_to_device_disk(context_.get(), number(domid), vdev.c_str(), device.get()) != 0)
    return {};
  if (libxl_device_disk_remove(context_.get(), number(domid), device.get(), nullptr) == 0)
    return {};
  if (int code = libxl_device_disk_destroy(context_.get(), number(domid), device.get(), nullptr))
    return failed(code, base::format("detach disk {}", vdev));
  return {};
}

base::Result<> Toolstack::unpause(DomId domid) {
  if (int code = libxl_domain_unpause(context_.get(), number(domid), nullptr))
    return failed(code, base::format("start domain {}", domid));
  return {};
}

// That there is none is no error.
base::Result<> Toolstack::unlist(DomId domid) {
  const uint32_t id = number(domid);
  uint8_t *bytes = nullptr;
  int length = 0;
  int code = libxl_userdata_retrieve(context_.get(), id, record, &bytes, &length);
  const std::unique_ptr<uint8_t, Free> data(bytes);
  if (code == 0 && length == 0)
    return {};
  if (code == 0)
    code = libxl_userdata_store(context_.get(), id, record_aside, data.get(), length);
  if (code == 0)
    code = libxl_userdata_unlink(context_.get(), id, record);
  if (code != 0)
    return failed(code,
                  base::format("keep libxl's record of domain {} as {}", domid, record_aside));
  return {};
}

base::Result<> Toolstack::destroy(DomId domid) {
  if (int code = libxl_domain_destroy(context_.get(), number(domid), nullptr))
    return failed(code, base::format("destroy domain {}", domid));
  return {};
}

base::Result<> Toolstack::rename(DomId domid, const std::string &name) {
  if (int code = libxl_domain_rename(context_.get(), number(domid), nullptr, name.c_str()))
    return failed(code, base::format("rename domain {} to {}", domid, name));
  return {};
}

base::Result<std::optional<DomId>> Toolstack::find(const std::string &name) {
  uint32_t domid = 0;
  int code = libxl_name_to_domid(context_.get(), name.c_str(), &domid);
  if (code == ERROR_INVAL)
    return std::nullopt;
  if (code != 0)
    return failed(code, base::format("look for a domain named {}", name));
  return DomId{static_cast<uint16_t>(domid)};
}

base::Result<Toolstack::Room> Toolstack::room() {
  uint64_t free = 0;
  if (int code = libxl_get_free_memory(context_.get(), &free))
    return failed(code, "ask for free memory");
  int count = 0;
  libxl_dominfo *domains = libxl_list_domain(context_.get(), &count);
  if (domains == nullptr)
    return base::fail("ask for the memory of domains: libxl could not");
  uint64_t owed = 0;
  for (const libxl_dominfo &domain : std::span(domains, static_cast<size_t>(count))) {
    // One that has run has got what there is to get.
    if (domain.cpu_time == 0 && domain.max_memkb > domain.current_memkb)
      owed += domain.max_memkb - domain.current_memkb;
  }
  libxl_dominfo_list_free(domains, count);
  return Room{.free = free >> 10, .owed = (owed + 1023) >> 10};
}

base::Result<> Toolstack::make_room(uint32_t need) {
  const Room room = TRY(this->room());
  if (room.has(need))
    return {};
  const uint64_t want = need + room.owed;
  const bool may_take = may_take_dom0s_memory();
  if (may_take && take_from_dom0(want - room.free, want))
    return {};
  return base::fail(
      "the host has {} MiB of free memory, and guest and stub domain need {}{}: end a "
      "domain, or give the stub domain less (device_model_args_hvm = [\"-linstub\", "
      "\"memory=...\"])",
      room.free, want, may_take ? "" : "; none is taken from dom0 (autoballoon, see xl.conf(5))");
}

bool Toolstack::may_take_dom0s_memory() {
  std::vector<std::optional<std::string>> settings;
  std::ranges::transform(
      autoballoon_files(), std::back_inserter(settings),
      [](const std::filesystem::path &file) { return toolstack_setting(file, "autoballoon"); });
  const libxl_version_info *host = libxl_get_version_info(context_.get());
  return may_balloon(settings,
                     host != nullptr && host->commandline != nullptr ? host->commandline : "");
}

bool Toolstack::take_from_dom0(uint64_t missing, uint64_t want) {
  constexpr int relative = 1;
  constexpr int enforce = 0;
  constexpr int seconds = 10;
  return libxl_set_memory_target(context_.get(), 0, -static_cast<int64_t>(missing << 10), relative,
                                 enforce) == 0 &&
         libxl_wait_for_free_memory(context_.get(), 0, want << 10, seconds) == 0;
}

} // namespace linstub::xen
