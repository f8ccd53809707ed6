//===- AttentionConfig.cpp - keys of an MLA layer -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConfigParts.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace llvm;
using namespace peermla::importer;

/// The object under `rope_scaling` or `rope_parameters`, and its key.
static std::pair<const json::Object *, StringRef>
findRopeObject(ConfigReader &reader) {
  constexpr StringLiteral keys[] = {"rope_parameters", "rope_scaling"};
  const json::Value *parameters = reader.find(keys[0]);
  const json::Value *scaling = reader.find(keys[1]);
  if (parameters && scaling && *parameters != *scaling) {
    reader.error(keys[1],
                 formatv("expected the value of 'rope_parameters', {0}, or "
                         "nothing, got {1}",
                         describe(parameters), describe(scaling)));
    return {};
  }
  const json::Value *value = parameters ? parameters : scaling;
  StringRef key = parameters ? keys[0] : keys[1];
  if (!value)
    return {};
  if (const json::Object *object = value->getAsObject())
    return {object, key};
  reader.expected(key, "an object", value);
  return {};
}

/// `default` or `yarn`, under either of its two names.
static std::string parseRopeType(ConfigReader &rope) {
  std::string type = rope.string("rope_type", "");
  std::string oldType = rope.string("type", type);
  if (!type.empty() && type != oldType)
    rope.error("type", formatv("expected the value of 'rope_type', \"{0}\", "
                               "got \"{1}\"",
                               type, oldType));
  if (oldType.empty())
    return "default";
  if (oldType != "default" && oldType != "yarn")
    rope.expected(type.empty() ? "type" : "rope_type", "default or yarn",
                  rope.find(type.empty() ? "type" : "rope_type"));
  return oldType;
}

static YarnConfig parseYarn(ConfigReader &rope, ConfigReader &root) {
  YarnConfig yarn;
  yarn.factor = rope.number("factor", 1, /*isOpen=*/false, std::nullopt);
  yarn.betaFast = rope.number("beta_fast", 0, /*isOpen=*/true, yarn.betaFast);
  yarn.betaSlow = rope.number("beta_slow", 0, /*isOpen=*/true, yarn.betaSlow);
  yarn.mscale = rope.optionalNumber("mscale");
  yarn.mscaleAllDim = rope.optionalNumber("mscale_all_dim");
  if (rope.find("original_max_position_embeddings"))
    yarn.originalLength = rope.number("original_max_position_embeddings", 1,
                                      /*isOpen=*/false, std::nullopt);
  else
    yarn.originalLength = root.number("max_position_embeddings", 1,
                                      /*isOpen=*/false, std::nullopt);
  // Each would change the numbers in a way the formulas of YaRN here do not.
  if (const json::Value *factor = rope.find("attention_factor"))
    rope.expected("attention_factor", "null, nothing else is supported",
                  factor);
  if (!rope.boolean("truncate", true))
    rope.expected("truncate", "true, nothing else is supported",
                  rope.find("truncate"));
  return yarn;
}

static RopeConfig parseRope(ConfigReader &root) {
  RopeConfig result;
  bool hasTheta = root.find("rope_theta");
  result.theta = root.number("rope_theta", 0, /*isOpen=*/true, result.theta);
  auto [object, key] = findRopeObject(root);
  if (!object)
    return result;

  ConfigReader rope(*object, root.getFile(), (key + ".").str(),
                    root.getMessages());
  if (rope.find("rope_theta")) {
    double theta = rope.number("rope_theta", 0, /*isOpen=*/true, std::nullopt);
    if (hasTheta && theta != result.theta)
      rope.error("rope_theta",
                 formatv("expected the value of the outer 'rope_theta', {0}, "
                         "got {1}",
                         describe(root.find("rope_theta")),
                         describe(rope.find("rope_theta"))));
    result.theta = theta;
  }
  if (parseRopeType(rope) == "yarn") {
    result.yarn = parseYarn(rope, root);
    const json::Value *theta = rope.find("rope_theta");
    if (result.theta <= 1)
      root.expected("rope_theta", "a number > 1 for yarn",
                    theta ? theta : root.find("rope_theta"));
  } else {
    for (StringRef unused :
         {"factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim",
          "original_max_position_embeddings", "attention_factor", "truncate"})
      rope.acknowledge(unused);
  }
  if (const json::Value *fraction = rope.find("partial_rotary_factor"))
    if (fraction->getAsNumber() != 1.0)
      rope.expected("partial_rotary_factor", "1, nothing else is supported",
                    fraction);
  warnAboutUnknownKeys(rope);
  return result;
}

AttentionConfig peermla::importer::parseAttention(ConfigReader &reader) {
  AttentionConfig attention;
  attention.H = reader.extent("num_attention_heads");
  if (reader.find("q_lora_rank"))
    attention.dq = reader.extent("q_lora_rank");
  attention.dc = reader.extent("kv_lora_rank");
  constexpr int64_t maxHeadDim = 1 << 16;
  attention.dn = reader.integer("qk_nope_head_dim", 1, maxHeadDim);
  attention.dr = reader.integer("qk_rope_head_dim", 0, maxHeadDim);
  attention.dv = reader.integer("v_head_dim", 1, maxHeadDim);
  if (attention.dr % 2 != 0)
    reader.error("qk_rope_head_dim",
                 formatv("expected an even number, got {0}", attention.dr));
  if (const json::Value *dim = reader.find("qk_head_dim"))
    if (dim->getAsInteger() != attention.dn + attention.dr)
      reader.expected("qk_head_dim",
                      formatv("'qk_nope_head_dim' + 'qk_rope_head_dim', {0}",
                              attention.dn + attention.dr),
                      dim);
  attention.rope = parseRope(reader);
  if (reader.hasErrors())
    return attention;

  // Extreme but finite parameters can still leave the range of f64.
  auto isFinite = [](double value) { return std::isfinite(value); };
  if (!isFinite(softmaxScale(attention.rope, attention.dn, attention.dr)) ||
      !isFinite(cosSinMultiplier(attention.rope)) ||
      !llvm::all_of(inverseFrequencies(attention.rope, attention.dr), isFinite))
    reader.error("rope_theta",
                 "expected rope parameters with finite frequencies and scale");
  return attention;
}
