// SPDX-License-Identifier: MIT
// measure WHAT COUNT [...]: does something COUNT times and prints the time of one in ns.
//
//   port                  reads the first serial port's line status register (0x3fd): an exit to
//                         the device model that waits for an answer, and a system call: /dev/port
//                         needs no kernel option that a small kernel lacks
//   pio DEVICE            has an ATA disk tell what it is: 512 bytes by one instruction, rep insw,
//                         and the exits of a command
//   mmio ADDRESS          reads a 32-bit register of a device, at that physical address
//   vga                   writes a word to the screen's memory, below its last line: an exit that
//                         Xen buffers for the device model, which need not answer
//   cpu                   a thousand steps of arithmetic: what is left of the CPU for the guest
//   read DEVICE SIZE      SIZE bytes of a disk, from one place to the next, past the page cache
//   random DEVICE SIZE    the same from places all over it
//   queue DEVICE SIZE N   the same by N processes at once, so that N requests are under way
//   spread DEVICE SIZE    the same as read, to pieces of memory a MiB from one another, so that
//                         the device model needs to see all of it. Once before the time begins
//   write DEVICE SIZE     writes them, and has the disk flush once at the end
//   flush DEVICE SIZE     writes them, and has the disk flush each time
//   send ADDRESS PORT     a KiB over TCP, until the other side has it all
//   receive ADDRESS PORT  a KiB over TCP
//   packet ADDRESS PORT   a UDP packet of 64 bytes, until it has left; to a broadcast address, so
//                         that nobody answers
#include "freestanding.hpp"

namespace {

using size = unsigned long;

constexpr long sys_read = 0, sys_write = 1, sys_open = 2, sys_lseek = 8, sys_mmap = 9,
               sys_ioctl = 16, sys_pread = 17, sys_pwrite = 18, sys_nanosleep = 35, sys_socket = 41,
               sys_connect = 42, sys_shutdown = 48, sys_setsockopt = 54, sys_fork = 57,
               sys_wait4 = 61, sys_fsync = 74, sys_clock_gettime = 228;
constexpr long o_rdwr = 2, o_sync = 04010000, o_direct = 040000, seek_end = 2;
constexpr long line_status = 0x3fd;
constexpr long page = 4096, read_and_write = 3, map_shared = 1, map_own_and_populate = 0x8022;
constexpr long screen = 0xb8000, screen_size = 0x8000, below_the_last_line = 80 * 25 * 2;
constexpr long largest = 1 << 20, mebibyte = 1 << 20, kibibyte = 1024, packet_size = 64;

alignas(4096) char buffer[largest];

long check(long result) {
  if (result < 0)
    end(1);
  return result;
}

long open(const char *path, long flags) {
  return check(system_call(sys_open, address_of(path), flags));
}

long now_ns() {
  long time[2];
  system_call(sys_clock_gettime, 1 /* CLOCK_MONOTONIC */, address_of(time));
  return time[0] * 1'000'000'000 + time[1];
}

bool is(const char *word, const char *other) {
  while (*word != '\0' && *word == *other)
    ++word, ++other;
  return *word == *other;
}

// Any numbers will do; the same each time.
unsigned long random_state = 1;
unsigned long next_random() {
  unsigned long &state = random_state;
  state = state * 6364136223846793005UL + 1442695040888963407UL;
  return state >> 33;
}

// --- exits ---------------------------------------------------------------------------------------

void read_ports(long ports, long count) {
  for (long i = 0; i < count; ++i) {
    unsigned char value = 0;
    if (system_call(sys_pread, ports, address_of(&value), 1, line_status) != 1)
      end(1);
  }
}

void identify(long disk, long count) {
  constexpr long drive_command = 0x031f; // HDIO_DRIVE_CMD
  constexpr char identify_device = static_cast<char>(0xec);
  for (long i = 0; i < count; ++i) {
    buffer[0] = identify_device;
    buffer[1] = buffer[2] = 0;
    buffer[3] = 1; // sector
    check(system_call(sys_ioctl, disk, drive_command, address_of(buffer)));
  }
}

volatile char *map(long physical, long length) {
  const long memory = open("/dev/mem", o_rdwr | o_sync);
  const long from = physical / page * page;
  const long mapped =
      system_call(sys_mmap, 0, length + physical - from, read_and_write, map_shared, memory, from);
  if (mapped < 0 && mapped > -page)
    end(1);
  return reinterpret_cast<volatile char *>(mapped + physical - from);
}

void read_registers(const volatile char *at, long count) {
  for (long i = 0; i < count; ++i)
    static_cast<void>(*reinterpret_cast<const volatile unsigned *>(at));
}

void write_to_screen(volatile char *memory, long count) {
  for (long i = 0; i < count; ++i)
    *reinterpret_cast<volatile unsigned short *>(memory + below_the_last_line + i % 64 * 2) =
        0x0720;
}

void calculate(long count) {
  for (long i = 0; i < count * 1000; ++i) {
    unsigned long value = next_random();
    asm volatile("" : "+r"(value));
  }
}

// --- disks ---------------------------------------------------------------------------------------

struct Disk {
  long file;
  long block;
  long blocks;
};

Disk open_disk(const char *path, long block) {
  const long file = open(path, o_rdwr | o_direct);
  const long bytes = check(system_call(sys_lseek, file, 0, seek_end));
  if (block < 512 || block > largest || bytes < block)
    end(1);
  return {file, block, bytes / block};
}

void move(const Disk &disk, long call, long which, long memory) {
  if (system_call(call, disk.file, memory, disk.block, which % disk.blocks * disk.block) !=
      disk.block)
    end(1);
}

void use_disk(const char *what, const Disk &disk, long count) {
  const bool random = is(what, "random");
  const bool flush = is(what, "flush");
  const bool writes = flush || is(what, "write");
  for (long i = 0; i < count; ++i) {
    move(disk, writes ? sys_pwrite : sys_pread, random ? static_cast<long>(next_random()) : i,
         address_of(buffer));
    if (flush)
      check(system_call(sys_fsync, disk.file));
  }
  if (writes && !flush)
    check(system_call(sys_fsync, disk.file));
}

void queue(const Disk &disk, long count, long depth) {
  constexpr long any_child = -1, seeds_apart = 7919;
  for (long child = 0; child < depth; ++child) {
    if (check(system_call(sys_fork)) != 0)
      continue;
    random_state += static_cast<unsigned long>(child * seeds_apart);
    use_disk("random", disk, count / depth + (child < count % depth ? 1 : 0));
    end(0);
  }
  for (long child = 0; child < depth; ++child) {
    int status = 0;
    check(system_call(sys_wait4, any_child, address_of(&status), 0, 0));
    if (status != 0)
      end(1);
  }
}

// So many MiB. What is there from the begin lies a page beside the other, so pieces of it are as
// far apart for a device as they are here.
long new_memory(long mebibytes) {
  return check(
      system_call(sys_mmap, 0, mebibytes * mebibyte, read_and_write, map_own_and_populate, -1, 0));
}

void spread(const Disk &disk, long count, long memory) {
  for (long i = 0; i < count; ++i)
    move(disk, sys_pread, i, memory + i * mebibyte);
}

// --- the network ---------------------------------------------------------------------------------

struct Peer {
  unsigned short family = 2; // AF_INET
  unsigned short port;       // in the network's order, as the address
  unsigned address;
  long nothing = 0;
};

Peer parse_peer(const char *address, const char *port) {
  Peer peer{.port = __builtin_bswap16(static_cast<unsigned short>(number(port))), .address = 0};
  for (int byte = 0; byte < 4; ++byte) {
    peer.address |= static_cast<unsigned>(number(address)) << (8 * byte);
    while (*address != '\0' && *address++ != '.') {
    }
  }
  return peer;
}

long connect(const Peer &peer, long type) {
  constexpr long internet = 2, socket_level = 1, may_broadcast = 6;
  const long socket = check(system_call(sys_socket, internet, type, 0));
  const int yes = 1;
  check(system_call(sys_setsockopt, socket, socket_level, may_broadcast, address_of(&yes),
                    sizeof yes));
  check(system_call(sys_connect, socket, address_of(&peer), sizeof peer));
  return socket;
}

// The other side has it all when it has closed its end too.
void send(const Peer &peer, long kibibytes) {
  const long socket = connect(peer, 1 /* SOCK_STREAM */);
  for (long left = kibibytes * kibibyte; left > 0;)
    left -=
        check(system_call(sys_write, socket, address_of(buffer), left < largest ? left : largest));
  check(system_call(sys_shutdown, socket, 1 /* SHUT_WR */));
  if (system_call(sys_read, socket, address_of(buffer), largest) != 0)
    end(1);
}

void receive(const Peer &peer, long kibibytes) {
  const long socket = connect(peer, 1 /* SOCK_STREAM */);
  long got = 0;
  while (const long more = check(system_call(sys_read, socket, address_of(buffer), largest)))
    got += more;
  if (got != kibibytes * kibibyte)
    end(1);
}

void send_packets(const Peer &peer, long count) {
  constexpr long unsent = 0x5411; // SIOCOUTQ
  const long socket = connect(peer, 2 /* SOCK_DGRAM */);
  for (long i = 0; i < count; ++i)
    check(system_call(sys_write, socket, address_of(buffer), packet_size));
  const long millisecond[2] = {0, 1'000'000};
  for (int left = 1; left != 0;) {
    check(system_call(sys_ioctl, socket, unsent, address_of(&left)));
    if (left != 0)
      system_call(sys_nanosleep, address_of(millisecond));
  }
}

} // namespace

extern "C" [[noreturn]] void run(long *stack) {
  const long arguments = stack[0];
  auto argument = [&](long i) { return reinterpret_cast<const char *>(stack[1 + i]); };
  const long count = arguments > 2 ? number(argument(2)) : 0;
  if (count < 1)
    end(2);
  const char *what = argument(1);
  // What has to be there before the time begins.
  const bool network = is(what, "send") || is(what, "receive") || is(what, "packet");
  Disk disk{};
  Peer peer{};
  long file = -1;
  volatile char *memory = nullptr;
  if (arguments > 4 && network)
    peer = parse_peer(argument(3), argument(4));
  else if (arguments > 4)
    disk = open_disk(argument(3), number(argument(4)));
  else if (network)
    end(2);
  else if (is(what, "mmio") && arguments > 3)
    memory = map(number(argument(3)), page);
  else if (is(what, "vga"))
    memory = map(screen, screen_size);
  else if (is(what, "port"))
    file = open("/dev/port", 0);
  else if (is(what, "pio") && arguments > 3)
    file = open(argument(3), o_rdwr);
  const bool spreads = is(what, "spread") && arguments > 4;
  const long pieces = spreads ? new_memory(count) : 0;
  if (spreads)
    spread(disk, count, pieces);
  const long start = now_ns();
  if (is(what, "port"))
    read_ports(file, count);
  else if (is(what, "pio") && file >= 0)
    identify(file, count);
  else if (is(what, "mmio") && memory != nullptr)
    read_registers(memory, count);
  else if (is(what, "vga"))
    write_to_screen(memory, count);
  else if (is(what, "cpu"))
    calculate(count);
  else if (is(what, "send"))
    send(peer, count);
  else if (is(what, "receive"))
    receive(peer, count);
  else if (is(what, "packet"))
    send_packets(peer, count);
  else if (spreads)
    spread(disk, count, pieces);
  else if (is(what, "queue") && arguments > 5)
    queue(disk, count, number(argument(5)));
  else if (arguments > 4)
    use_disk(what, disk, count);
  else
    end(2);
  print((now_ns() - start) / count);
  end(0);
}
