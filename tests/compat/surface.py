"""seqio's public names (0.0.20), and those of them that evalkit leaves out, with the reason.

Public is what has no underscore in front; names that a module only imports from `typing` do not count.
"""

from __future__ import annotations

MODULES = {
    "dataset_providers": (
        "CacheDatasetPlaceholder ContinuousFeature DataSource DataSourceInterface DatasetFnCallable "
        "DatasetProviderBase DatasetProviderRegistry DatasetReaderType DecodeFnType Feature FeatureConverter "
        "FileDataSource FunctionDataSource MetricFnCallable Mixture MixtureRate MixtureRegistry "
        "PassThroughVocabulary ProtoDataSource PyGloveTunableMixture SHUFFLE_BUFFER_SIZE SampleFn ShardInfo "
        "SourceInfo SubtaskOrName TFExampleDataSource Task TaskRegistry TextLineDataSource TfdsDataSource "
        "Vocabulary get_dataset get_mixture_or_task get_subtasks maybe_get_mixture_or_task"
    ),
    "evaluation": (
        "AllMetricsFuture AllMetricsType AllOutputAuxValuesType AllOutputScoresType AllOutputTokensType "
        "EncDecFeatureConverter Evaluator FeatureConverter MetricManager MetricsAndOutputsType ModelFnCallable "
        "ModelFnReturnType ModelOutputType PredictFnCallable PredictFnReturnType ScoreFnCallable ScoreFnReturnType "
        "Task TaskMetricsType get_valid_eval_tasks"
    ),
    "feature_converters": (
        "DecoderFeatureConverter EncDecFeatureConverter EncoderFeatureConverter FeatureConverter "
        "GrainFeatureConverter LMFeatureConverter PassThroughFeatureConverter PrePackedEncDecFeatureConverter "
        "PrePackedLMFeatureConverter PrePackedPrefixLMFeatureConverter PrefixLMFeatureConverter "
        "PrefixSuffixLMFeatureConverter autoregressive_inputs non_padding_position"
    ),
    "loggers": (
        "JSONLogger Logger PyLoggingLogger TensorAndNumpyEncoder TensorBoardLogger TensorBoardLoggerV1 "
        "skip_none_value_dict_factory"
    ),
    "metrics": (
        "Audio CollectingMetric Generic Histogram Image LegacyMetric Metric MetricFnCallable MetricValue "
        "ModelOutputType PassthroughLegacyMetric Scalar Text globally_sort_model_output remove_padding_examples"
    ),
    "preprocessors": (
        "OutputFeaturesType SequenceLengthType append_eos append_eos_after_trim append_eos_after_trim_impl "
        "apply_feature_converter preprocess_tensorflow_examples print_dataset rekey tokenize "
        "tokenize_and_append_eos tokenize_impl truncate_inputs_left"
    ),
    "vocabularies": (
        "BertWordPieceVocabulary ByteVocabulary FullCodepointVocabulary PAD_ID PartialCodepointVocabulary "
        "PassThroughVocabulary SentencePieceVocabulary UnigramVocabulary Vocabulary"
    ),
    "utils": (
        "Feature LazyTfdsLoader NestedTFDict TFDict TfdsSplit Vocabulary add_global_cache_dirs "
        "add_kwargs_to_transform dict_to_tfexample flatten_dict fully_qualified_class_name function_name "
        "get_cached_info_path get_cached_stats_path get_cached_tfrecord_prefix get_global_cache_dirs "
        "get_task_dir_from_name list_files make_autoregressive_inputs map_over_dataset map_seed_manager "
        "mixing_rate_num_characters mixing_rate_num_examples set_global_cache_dirs set_preprocessor_seed "
        "set_tfds_data_dir_override set_tfds_read_config_override stateless_shuffle tfexample_ragged_length_key "
        "tfexample_sparse_indices_key tfexample_to_dict trim_and_pack_dataset trim_and_pad_dataset trim_dataset "
        "unflatten_dict"
    ),
    "experimental": (
        "CacheDatasetPlaceholder FewshotDataSource Mixture MixtureRegistry ShardInfo Task TaskRegistry "
        "add_fully_cached_mixture add_fully_cached_task add_task_with_sentinels disable_registry "
        "fewshot_preprocessor"
    ),
    "helpers": (
        "TruncatedDatasetProvider mixture_or_task_with_new_vocab mixture_or_task_with_truncated_data "
        "mixture_with_missing_task_splits_removed"
    ),
    "beam_utils": (
        "GetInfo GetStats ID_WITHIN_SHARD_PROVENANCE_KEY PREPROCESSORS_SEED_PROVENANCE_KEY PROVENANCE_KEYS "
        "PROVENANCE_PREFIX PreprocessTask SOURCE_SHARD_ID_PROVENANCE_KEY SOURCE_SHARD_PROVENANCE_KEY "
        "TASK_PROVENANCE_KEY WriteExampleArrayRecord WriteExampleTfRecord WriteJson WriteToArrayRecord"
    ),
    "test_utils": (
        "DataInjector FakeLazyTfds FakeMixtureTest FakeTaskTest FakeTfdsInfo MixtureRegistry MockVocabulary "
        "TEST_DATA_DIR TaskRegistry assert_dataset assert_datasets_eq assert_datasets_neq assert_dict_contains "
        "assert_dict_values_equal bertwordpiece_vocab clear_mixtures clear_tasks create_default_dataset "
        "create_prediction dataset_as_text encode_str get_fake_dataset random_token_preprocessor "
        "sentencepiece_vocab split_tsv_preprocessor test_postprocessing test_preprocessing "
        "test_preprocessing_single test_task test_text_preprocessor test_token_preprocessor "
        "token_preprocessor_no_sequence_length"
    ),
    "task_registry_provenance_tracking": (
        "Frame informative_upstream_callsites_from_frame maybe_record_provenance "
        "registration_provenance_tracking_is_on turn_on_tracking view_provenances"
    ),
    "dataset_providers_helpers": "get_dataset get_mixture_or_task get_subtasks",
}
"""The names of each module, of what it imports from the others too."""

AT_TOP = ("dataset_providers", "feature_converters", "loggers", "utils", "vocabularies")
"""Modules all of whose names are names of `seqio` itself."""

LEFT_OUT = {
    "FakeLazyTfds": "a stand-in for the inside of seqio's TFDS loader, for seqio's own tests",
    "FakeMixtureTest": "the harness of seqio's own tests, over its own data and private names",
    "FakeTaskTest": "the harness of seqio's own tests, over its own data and private names",
    "FakeTfdsInfo": "a stand-in for the inside of seqio's TFDS loader, for seqio's own tests",
    "GrainFeatureConverter": "in seqio it does nothing but raise NotImplementedError",
    "PyGloveTunableMixture": "nobody uses it: rates that PyGlove tunes; a rate may be a function instead",
    "TEST_DATA_DIR": "the data of seqio's own tests, which come with seqio",
    "TensorBoardLoggerV1": "nobody uses it: TensorFlow 1's way; what TensorBoardLogger writes any TensorBoard reads",
    "WriteExampleArrayRecord": "seqio itself cannot read a cache of array records; caches are TFRecords",
    "WriteToArrayRecord": "the inside of WriteExampleArrayRecord",
    "append_eos_after_trim_impl": "the inside of append_eos_after_trim, for one example; call that",
    "bertwordpiece_vocab": "a vocabulary out of the data of seqio's own tests",
    "fully_qualified_class_name": "no part of evaluating: it formats a class's name",
    "get_fake_dataset": "examples of seqio's own tests",
    "random_token_preprocessor": "a preprocessor of seqio's own tests",
    "sentencepiece_vocab": "a vocabulary out of the data of seqio's own tests",
    "set_preprocessor_seed": "it sets a hidden argument of seqio's own maps; map_seed_manager seeds preprocessors",
    "skip_none_value_dict_factory": "the inside of the JSON encoder",
    "split_tsv_preprocessor": "a preprocessor of seqio's own tests",
    "test_text_preprocessor": "a preprocessor of seqio's own tests",
    "test_token_preprocessor": "a preprocessor of seqio's own tests",
    "token_preprocessor_no_sequence_length": "a preprocessor of seqio's own tests",
    "tokenize_impl": "the inside of tokenize, for one example; call that",
}
"""Names that evalkit has no counterpart of on purpose, with the reason; the page \"Coming from seqio\" cites it."""

USED_BY_T5X = """
    Vocabulary Feature FeatureConverter Evaluator Task Mixture SentencePieceVocabulary ByteVocabulary
    PassThroughVocabulary get_mixture_or_task maybe_get_mixture_or_task get_subtasks get_dataset ShardInfo
    set_tfds_data_dir_override add_global_cache_dirs DatasetProviderBase CacheDatasetPlaceholder TaskRegistry
    TaskRegistry.add TaskRegistry.get TfdsDataSource FunctionDataSource TFExampleDataSource EncDecFeatureConverter
    DecoderFeatureConverter TensorBoardLogger PyLoggingLogger JSONLogger TensorAndNumpyEncoder
    dataset_providers.MetricFnCallable evaluation.AllMetricsFuture feature_converters.non_padding_position
    feature_converters.autoregressive_inputs preprocessors.tokenize preprocessors.tokenize_and_append_eos
    preprocessors.append_eos preprocessors.append_eos_after_trim preprocessors.rekey utils.trim_dataset
    utils.flatten_dict
"""
"""Every name of seqio's in T5X (`cc342d4`), but for `deterministic`, which seqio does not publish."""
