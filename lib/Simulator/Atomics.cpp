//===- Atomics.cpp - read-modify-writes that exist in PTX alone -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An element is changed by a compare-and-swap loop of the host, so that blocks
// on several threads of the system agree.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "SmallFloat.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace peermla::sim;
using namespace peermla::sim::abi;

template <typename To, typename From> static To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From), "a cast of bits");
  To to;
  memcpy(&to, &from, sizeof(to));
  return to;
}

/// Integers; nothing for operations on them that do not exist.
template <typename T>
static bool applyInteger(AtomicOp op, T old, T operand, T comparand,
                         T &result) {
  switch (op) {
  case AtomicOp::Add:
    // Wraps around, signed or not.
    result = T(uint64_t(old) + uint64_t(operand));
    return true;
  case AtomicOp::Min:
    result = std::min(old, operand);
    return true;
  case AtomicOp::Max:
    result = std::max(old, operand);
    return true;
  case AtomicOp::Inc:
    result = old >= operand ? T(0) : T(old + 1);
    return true;
  case AtomicOp::Dec:
    result = old == 0 || old > operand ? operand : T(old - 1);
    return true;
  case AtomicOp::And:
    result = T(old & operand);
    return true;
  case AtomicOp::Or:
    result = T(old | operand);
    return true;
  case AtomicOp::Xor:
    result = T(old ^ operand);
    return true;
  case AtomicOp::Exchange:
    result = operand;
    return true;
  case AtomicOp::Cas:
    result = old == comparand ? operand : old;
    return true;
  }
  return false;
}

template <typename T>
static bool applyFloat(AtomicOp op, T old, T operand, T &result) {
  switch (op) {
  case AtomicOp::Add:
    result = old + operand;
    return true;
  case AtomicOp::Min:
    result = std::fmin(old, operand);
    return true;
  case AtomicOp::Max:
    result = std::fmax(old, operand);
    return true;
  default:
    return false;
  }
}

/// The new bits of an element of `type` that has the bits `old`.
static bool compute(AtomicOp op, ElementType type, uint64_t old,
                    uint64_t operand, uint64_t comparand, uint64_t &result) {
  bool bitwise = op == AtomicOp::Exchange || op == AtomicOp::Cas;
  switch (type) {
  case ElementType::S32: {
    int32_t r;
    bool exists =
        applyInteger(op, int32_t(old), int32_t(operand), int32_t(comparand), r);
    result = uint32_t(r);
    return exists;
  }
  case ElementType::U16:
  case ElementType::U32:
  case ElementType::B32: {
    uint32_t r;
    bool exists = applyInteger(op, uint32_t(old), uint32_t(operand),
                               uint32_t(comparand), r);
    result = type == ElementType::U16 ? uint16_t(r) : r;
    return exists;
  }
  case ElementType::S64: {
    int64_t r;
    bool exists =
        applyInteger(op, int64_t(old), int64_t(operand), int64_t(comparand), r);
    result = uint64_t(r);
    return exists;
  }
  case ElementType::U64:
  case ElementType::B64:
    return applyInteger(op, old, operand, comparand, result);
  case ElementType::F16:
  case ElementType::BF16: {
    if (bitwise)
      return applyInteger(op, old, operand, comparand, result);
    // Exact in double, so that it is rounded once.
    double r;
    if (!applyFloat<double>(op, decodeFloat(uint32_t(old), type),
                            decodeFloat(uint32_t(operand), type), r))
      return false;
    result = encodeFloat(r, type, RoundingFlags::Nearest);
    return true;
  }
  case ElementType::F32: {
    if (bitwise)
      return applyInteger(op, old, operand, comparand, result);
    float r;
    if (!applyFloat(op, fromBits(uint32_t(old)), fromBits(uint32_t(operand)),
                    r))
      return false;
    result = toBits(r);
    return true;
  }
  case ElementType::F64: {
    if (bitwise)
      return applyInteger(op, old, operand, comparand, result);
    double r;
    if (!applyFloat(op, bitCast<double>(old), bitCast<double>(operand), r))
      return false;
    result = bitCast<uint64_t>(r);
    return true;
  }
  default:
    return false;
  }
}

/// The loop on an element of `T`.
template <typename T>
static bool exchange(void *address, AtomicOp op, ElementType type,
                     uint64_t operand, uint64_t comparand, uint64_t *oldBits) {
  T *element = static_cast<T *>(address);
  T old = __atomic_load_n(element, __ATOMIC_SEQ_CST);
  uint64_t result;
  do {
    if (!compute(op, type, old, operand, comparand, result))
      return false;
  } while (!__atomic_compare_exchange_n(element, &old, T(result), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  if (oldBits)
    *oldBits = old;
  return true;
}

bool peermla::sim::applyAtomic(void *address, AtomicOp op, ElementType type,
                               uint64_t operand, uint64_t comparand,
                               uint64_t *old) {
  switch (getBytes(type)) {
  case 2:
    return exchange<uint16_t>(address, op, type, operand & 0xffff,
                              comparand & 0xffff, old);
  case 4:
    return exchange<uint32_t>(address, op, type, operand & 0xffffffff,
                              comparand & 0xffffffff, old);
  case 8:
    return exchange<uint64_t>(address, op, type, operand, comparand, old);
  default:
    return false;
  }
}

static void reportUnknown(uint32_t site) {
  Thread &thread = *currentThread;
  thread.cluster->report(ReportKind::Descriptor, &thread, site,
                         "the atomic operation does not exist for the type");
}

I64 peermla::sim::abi::peermla_sim_atomic(Ptr address, I32 op, I32 type,
                                          I64 operand, I64 comparand, I32 flags,
                                          I32 site) {
  uint32_t bytes = getBytes(ElementType(type));
  if (bytes != 2 && bytes != 4 && bytes != 8) {
    reportUnknown(site);
    return 0;
  }
  address = peermla_sim_access(address, bytes, bytes,
                               flags | AccessFlags::Write | AccessFlags::Atomic,
                               site);
  uint64_t old = 0;
  if (!applyAtomic(address, AtomicOp(op), ElementType(type), operand, comparand,
                   &old))
    reportUnknown(site);
  return old;
}

Void peermla::sim::abi::peermla_sim_atomic_vector(Ptr results, Ptr address,
                                                  I32 op, I32 type, I32 count,
                                                  Ptr values, I32 site) {
  uint32_t bytes = getBytes(ElementType(type));
  if ((bytes != 2 && bytes != 4 && bytes != 8) || count == 0 ||
      bytes * count > 32) {
    reportUnknown(site);
    return;
  }
  address = peermla_sim_access(
      address, bytes * count, bytes * count,
      AccessFlags::Write | AccessFlags::Atomic | AccessFlags::Global, site);
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t operand = 0, old = 0;
    memcpy(&operand, static_cast<char *>(values) + i * bytes, bytes);
    if (!applyAtomic(static_cast<char *>(address) + i * bytes, AtomicOp(op),
                     ElementType(type), operand, 0, &old)) {
      reportUnknown(site);
      return;
    }
    if (results)
      memcpy(static_cast<char *>(results) + i * bytes, &old, bytes);
  }
}
