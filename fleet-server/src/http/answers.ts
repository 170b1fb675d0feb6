/** Schemas that several routes share: parameters, and the answers as they are documented. */
import { Id } from "@flotilla/protocol/documents/document";
import { type TSchema, Type } from "typebox";

export const ErrorAnswer = Type.Object({
  error: Type.Object({ code: Type.String(), message: Type.String(), details: Type.Unknown() }),
});

/** What a route answers when all goes well, beside the errors that every route may give. */
export const answers = (ok: TSchema, status: 200 | 201 = 200) => ({
  [status]: ok,
  "4xx": ErrorAnswer,
  "5xx": ErrorAnswer,
});

export const DeviceParams = Type.Object({ device: Id });
export const CohortParams = Type.Object({ cohort: Id });
export const RolloutParams = Type.Object({ rollout: Id });
export const ModelParams = Type.Object({ model: Id });

/** Bytes as they were signed or uploaded. */
export const RawBytes = Type.Unknown({ description: "The bytes as they were signed." });

export const operatorOnly = [{ bearer: [] }];
