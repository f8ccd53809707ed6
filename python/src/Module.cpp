//===- Module.cpp - the compiler in Python --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The text layer of Compiler.h, function by function. Every function returns
//
//     (text | None, [(severity, message), ...], failed in a pass or in LLVM)
//
// and lets other threads run meanwhile; exceptions and warnings are made of
// that in compiler.py.
//
//===----------------------------------------------------------------------===//

#include "peermla/Compiler/Compiler.h"
#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace nb::literals;
using namespace peermla;

static const char *getName(Message::Severity severity) {
  switch (severity) {
  case Message::Error:
    return "error";
  case Message::Warning:
    return "warning";
  case Message::Remark:
    return "remark";
  }
  return "unknown";
}

/// Text may quote bytes of a broken file, which need not be UTF-8.
static nb::object decode(const std::string &text) {
  PyObject *object = PyUnicode_DecodeUTF8(
      text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace");
  if (!object)
    throw nb::python_error();
  return nb::steal(object);
}

static nb::tuple convert(const Answer &answer) {
  nb::list messages;
  for (const Message &message : answer.messages)
    messages.append(
        nb::make_tuple(getName(message.severity), decode(message.text)));
  nb::object text = answer.text ? decode(*answer.text) : nb::none();
  return nb::make_tuple(text, messages, answer.failedInPasses);
}

template <typename Function> static nb::tuple run(Function function) {
  Answer answer;
  {
    nb::gil_scoped_release release;
    answer = function();
  }
  return convert(answer);
}

/// Model IR is bytes here: it may be bytecode.
static Source getSource(const nb::bytes &model, const std::string &name) {
  return {std::string(model.c_str(), model.size()), name};
}

static nb::tuple importCheckpointText(const std::string &path) {
  return run([&] { return importCheckpoint(path); });
}

static nb::tuple importConfigText(const std::string &text,
                                  const std::string &name) {
  return run([&] { return importConfig(text, name); });
}

static nb::tuple printStageText(const nb::bytes &model, const std::string &name,
                                const std::string &stage,
                                const std::vector<std::string> &cpuLevels,
                                const std::vector<std::string> &targets,
                                const std::string &attentionForm,
                                const std::string &schedules,
                                bool deterministic) {
  Source source = getSource(model, name);
  return run([&] {
    return printStage(source, stage,
                      {cpuLevels, attentionForm, schedules, deterministic,
                       /*withReport=*/false, targets});
  });
}

static nb::tuple
compileModelText(const nb::bytes &model, const std::string &name,
                 const std::vector<std::string> &cpuLevels,
                 const std::vector<std::string> &targets,
                 const std::string &attentionForm, const std::string &schedules,
                 bool deterministic, const std::string &output,
                 const std::string &runtimeArchive, bool simulate,
                 bool withReport, const Sizes &reportSizes) {
  Source source = getSource(model, name);
  LibraryOptions library;
  library.output = output;
  library.runtimeArchive = runtimeArchive;
  library.simulate = simulate;
  return run([&] {
    return compileModel(source,
                        {cpuLevels, attentionForm, schedules, deterministic,
                         /*withReport=*/false, targets},
                        library, withReport, reportSizes);
  });
}

NB_MODULE(_compiler, module) {
  module.doc() = "The compiler; use the functions of `peermla` instead.";
  nb::list stages, levels;
  for (llvm::StringRef stage : getStageNames())
    stages.append(stage.str());
  module.attr("STAGES") = nb::tuple(stages);
  for (llvm::StringRef level : getCpuLevelNames())
    levels.append(level.str());
  module.attr("CPU_LEVELS") = nb::tuple(levels);
  nb::list targets;
  for (llvm::StringRef target : getTargetNames())
    targets.append(target.str());
  module.attr("TARGETS") = nb::tuple(targets);

  module.def("import_checkpoint", importCheckpointText, "path"_a);
  module.def("import_config", importConfigText, "text"_a, "name"_a);
  module.def("print_stage", printStageText, "model"_a, "name"_a, "stage"_a,
             "cpu_levels"_a, "targets"_a, "attention_form"_a, "schedules"_a,
             "deterministic"_a);
  module.def("compile_model", compileModelText, "model"_a, "name"_a,
             "cpu_levels"_a, "targets"_a, "attention_form"_a, "schedules"_a,
             "deterministic"_a, "output"_a, "runtime_archive"_a, "simulate"_a,
             "with_report"_a, "report_sizes"_a);
}
