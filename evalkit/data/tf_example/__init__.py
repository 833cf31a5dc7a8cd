"""Examples as `tf.train.Example` protos, and back.

A proto knows flat lists of int64, float32 and bytes, and nothing else. Booleans and integers become int64, floats
float32, text UTF-8. What a flat list cannot say stands in features of its own (see `keys`), or is known beforehand: see
`StoredFeature`.

    >>> example = dict_to_tfexample({"flag": True, "tokens": [3, 4], "text": "hi"})
    >>> {name: tensor.numpy().tolist() for name, tensor in sorted(tfexample_to_dict(example).items())}
    {'flag': [1], 'text': [b'hi'], 'tokens': [3, 4]}
"""

from evalkit.data.tf_example.keys import tfexample_ragged_length_key as tfexample_ragged_length_key
from evalkit.data.tf_example.keys import tfexample_sparse_indices_key as tfexample_sparse_indices_key
from evalkit.data.tf_example.reading import tfexample_to_dict as tfexample_to_dict
from evalkit.data.tf_example.stored_feature import StoredFeature as StoredFeature
from evalkit.data.tf_example.writing import dict_to_tfexample as dict_to_tfexample
