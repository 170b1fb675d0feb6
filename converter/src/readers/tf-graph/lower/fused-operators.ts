/**
 * What TFJS's converter and grappler fuse behind convolutions and matrix products: `fused_ops` lists them, their further
 * operands follow the two of the operator. Rules: tfjs-converter `convolution_executor.ts`, tensorflow `remapper.cc`.
 */
import type { TensorId } from "../../../ir/graph.ts";
import { add } from "../../../ops/add.ts";
import { batchNorm } from "../../../ops/batch-norm.ts";
import { elu } from "../../../ops/elu.ts";
import { gelu } from "../../../ops/gelu.ts";
import { leakyRelu } from "../../../ops/leaky-relu.ts";
import { logistic } from "../../../ops/logistic.ts";
import { prelu } from "../../../ops/prelu.ts";
import { relu } from "../../../ops/relu.ts";
import { relu6 } from "../../../ops/relu6.ts";
import { tanh } from "../../../ops/tanh.ts";
import type { NodeLowering } from "../node-lowering.ts";
import { NodeRefusal } from "./tf-lowering.ts";

/** The names in `fused_ops`; empty for operators without. */
export const fusedOps = (node: NodeLowering): readonly string[] => node.stringsAttr("fused_ops") ?? [];

/** A bias that comes first is the operator's own operand: null where there is none. */
export function fusedBias(node: NodeLowering): TensorId | null {
  if (fusedOps(node)[0] !== "BiasAdd") return null;
  const bias = node.input(2);
  const shape = node.shapeOf(bias);
  const channels = shape.reduce((product, size) => product * size, 1);
  return shape.length === 1 ? bias : node.reshaped(bias, [channels], "bias");
}

/** Everything fused behind the operator but a bias that comes first; `emit` under the node's own name comes last. */
export function applyFused(node: NodeLowering, result: TensorId): TensorId {
  const ops = fusedOps(node);
  let next = ops[0] === "BiasAdd" ? 3 : 2;
  let value = result;
  for (const op of ops.slice(ops[0] === "BiasAdd" ? 1 : 0)) {
    const role = op.toLowerCase();
    switch (op) {
      case "BiasAdd":
      case "Add":
        value = node.emit(add, [value, node.input(next++)], {}, role);
        break;
      case "FusedBatchNorm": {
        const [gamma, beta, mean, variance] = [next, next + 1, next + 2, next + 3].map((at) => node.input(at));
        next += 4;
        const operands = [value, gamma ?? null, beta ?? null, mean ?? null, variance ?? null];
        value = node.emit(batchNorm, operands, { epsilon: node.floatAttr("epsilon", 1e-4) }, role);
        break;
      }
      case "Prelu":
        value = node.emit(prelu, [value, node.input(next++)], {}, role);
        break;
      default:
        value = applyActivation(node, op, value);
    }
  }
  return value;
}

/** An activation by the name that `fused_ops` has for it. */
export function applyActivation(node: NodeLowering, name: string, x: TensorId): TensorId {
  const role = name.toLowerCase();
  switch (name) {
    case "Identity":
      return x;
    case "Relu":
      return node.emit(relu, [x], {}, role);
    case "Relu6":
      return node.emit(relu6, [x], {}, role);
    case "Elu":
      return node.emit(elu, [x], {}, role);
    case "Sigmoid":
      return node.emit(logistic, [x], {}, role);
    case "Tanh":
      return node.emit(tanh, [x], {}, role);
    case "LeakyRelu":
      return node.emit(leakyRelu, [x], { alpha: node.floatAttr("leakyrelu_alpha", 0.2) }, role);
    case "GeluExact":
      return node.emit(gelu, [x], { approximate: false }, role);
    case "GeluApproximate":
      return node.emit(gelu, [x], { approximate: true }, role);
    default:
      throw new NodeRefusal(`"${name}" fused behind it is not converted`);
  }
}
