//===- ConfigParts.h - the parts of a configuration, one parser each ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each parser notes mistakes in the reader's messages and returns a value that
// is only meaningful if there are none.
//
//===----------------------------------------------------------------------===//

#ifndef PEERMLA_LIB_IMPORT_CONFIGPARTS_H
#define PEERMLA_LIB_IMPORT_CONFIGPARTS_H

#include "ConfigReader.h"
#include "peermla/Import/Config.h"

namespace peermla::importer {

/// The keys of a PEER layer, at the top level or under `peer`.
PeerConfig parsePeer(ConfigReader &reader);

/// The keys of an MLA layer, at the top level.
AttentionConfig parseAttention(ConfigReader &reader);

/// The other keys of a language model. `peerReader` reads the object under
/// `peer`, or is null if the architecture has no PEER layers.
DecoderConfig parseDecoder(ConfigReader &reader, ConfigReader *peerReader);

/// Refuses the keys that would change the result in a way that is not
/// supported, and warns about unknown ones. To be called last.
void checkRemainingKeys(ConfigReader &reader);

/// Warns about the keys of an inner object that nobody read.
void warnAboutUnknownKeys(ConfigReader &reader);

} // namespace peermla::importer

#endif // PEERMLA_LIB_IMPORT_CONFIGPARTS_H
