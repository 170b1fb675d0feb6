/** Every TensorFlow operator that can be converted. Adding one is adding a file, and a line here. */
import { arithmeticLowerings } from "./arithmetic.ts";
import { caseLowering, ifLowering, switchLowering } from "./conditional.ts";
import { castLowering, constLowering, identityLowering, identityNLowering, variableLowering } from "./constants.ts";
import { convolutionLowerings } from "./convolution.ts";
import { convolution3dLowerings } from "./convolution-3d.ts";
import { diagonalLowerings } from "./diagonals.ts";
import { einsumLowering } from "./einsum.ts";
import { elementwiseLowerings } from "./elementwise.ts";
import { loopLowering } from "./loop.ts";
import { matrixLowerings } from "./matrix.ts";
import { moreElementwiseLowerings } from "./more-elementwise.ts";
import { normalizationLowerings } from "./normalization.ts";
import { poolingLowerings } from "./pooling.ts";
import { rearrangementLowerings } from "./rearrangement.ts";
import { reductionLowerings } from "./reduction.ts";
import { selectionLowerings } from "./selection.ts";
import { shapeLowerings } from "./shapes.ts";
import { signalLowerings } from "./signal.ts";
import { spatialLowerings } from "./spatial.ts";
import { stridedSliceLowering } from "./strided-slice.ts";
import { tensorListLowerings } from "./tensor-lists.ts";
import type { TfLowering } from "./tf-lowering.ts";

const lowerings: readonly TfLowering[] = [
  ...arithmeticLowerings,
  caseLowering,
  castLowering,
  constLowering,
  ...convolutionLowerings,
  ...convolution3dLowerings,
  ...diagonalLowerings,
  einsumLowering,
  ...elementwiseLowerings,
  identityLowering,
  identityNLowering,
  ifLowering,
  ...matrixLowerings,
  ...moreElementwiseLowerings,
  ...normalizationLowerings,
  ...poolingLowerings,
  ...rearrangementLowerings,
  ...reductionLowerings,
  ...selectionLowerings,
  ...shapeLowerings,
  ...signalLowerings,
  ...spatialLowerings,
  stridedSliceLowering,
  loopLowering,
  switchLowering,
  ...tensorListLowerings,
  variableLowering,
];

/** Operator → lowering. */
export const tfLowerings: ReadonlyMap<string, TfLowering> = new Map(
  lowerings.flatMap((lowering) => lowering.ops.map((op) => [op, lowering] as const)),
);

/** Why families of operators are not converted: the first pattern that fits. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/^(Switch|Merge|Enter|Exit|NextIteration|LoopCond|RefSwitch)$/, "control flow that only the run decides is not converted"],
  [/^(For|ParallelFor)$/, "loops are not converted"],
  [/^TensorArray/, "arrays that loops fill are not converted"],
  [/^TensorList|^EmptyTensorList/, "lists that loops fill are not converted"],
  [/NonMaxSuppression/, "how many boxes it keeps is known only when the model runs; convert the model without it"],
  [/^Sparse|^DenseToSparse/, "sparse tensors are not converted"],
  [/^String|^DecodeJpeg|^DecodePng|^DecodeImage|^DecodeRaw|^AsString|^Regex|^Unicode|^ParseExample/, "text and encoded files are not converted; feed the model decoded arrays"],
  [/^(HashTable|LookupTable|MutableHashTable|InitializeTable)/, "lookup tables are not converted"],
  [/^(RandomUniform|RandomStandardNormal|TruncatedNormal|Multinomial|StatelessRandom|RngReadAndSkip|StatelessTruncated)/, "random numbers are not converted; export the model for inference"],
  [/^(Assign|VariableV2|VarHandleOp)/, "variables that change are not converted"],
  [/^Placeholder$/, "it is needed and is none of the signature's inputs"],
]; // biome-ignore format: a table

export const refusalOf = (op: string): string =>
  reasons.find(([pattern]) => pattern.test(op))?.[1] ?? "no conversion of this operator is known";
