#!/usr/bin/env bash
# Builds @tensorflow/tfjs-node on a machine where its installer cannot download libtensorflow: its Node-API binding is
# compiled against the headers and the library inside TensorFlow's Python wheel.
#
#     scripts/build-tfjs-node.sh FOLDER [TENSORFLOW]
#
# FOLDER gets node_modules/@tensorflow/tfjs-node, ready for `NODE_PATH=FOLDER/node_modules`. TENSORFLOW is the folder of
# Python's package; found by asking python3 unless given. Needs g++ and npm; checks itself by a matrix product at the end.
set -euo pipefail
folder=$(mkdir -p "${1:?folder for node_modules}" && cd "$1" && pwd)
tensorflow=${2:-$(python3 -c 'import importlib.util as u; print(u.find_spec("tensorflow").submodule_search_locations[0])')}
version=4.22.0
cd "$folder"
[ -f package.json ] || echo '{"private":true}' > package.json
npm install --ignore-scripts --no-audit --no-fund --save-exact "@tensorflow/tfjs-node@$version" node-api-headers@1.5.0
package=node_modules/@tensorflow/tfjs-node
mkdir -p "$package/deps/lib" "$package/lib/napi-v8"
# The wheel's library has the C interface beside the C++ one, and needs its framework library next to it.
ln -sf "$tensorflow/libtensorflow_cc.so.2" "$tensorflow/libtensorflow_framework.so.2" "$package/deps/lib/"
g++ -shared -fPIC -O2 -std=c++17 -DNAPI_VERSION=8 \
  -I node_modules/node-api-headers/include -I "$tensorflow/include" \
  "$package/binding/tfjs_backend.cc" "$package/binding/tfjs_binding.cc" \
  -L "$package/deps/lib" -l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2 \
  -Wl,-rpath,'$ORIGIN/../../deps/lib' \
  -o "$package/lib/napi-v8/tfjs_binding.node"
node -e '
  const util = require("node:util");
  util.isNullOrUndefined ??= (value) => value === null || value === undefined; // gone since Node 23
  util.isArray ??= Array.isArray;
  const tf = require("@tensorflow/tfjs-node");
  const product = tf.matMul(tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[5], [6]])).arraySync();
  if (tf.getBackend() !== "tensorflow" || product[0][0] !== 17 || product[1][0] !== 39) throw new Error("wrong product");
  console.log(`tfjs-node ${require("@tensorflow/tfjs-node/package.json").version} on libtensorflow ${require("@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node").TF_Version}: ${JSON.stringify(product)}`);
'
