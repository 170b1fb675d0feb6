import { FlotillaError } from "@flotilla/protocol/errors";
import { describe, expect, it } from "vitest";
import { refuseSample } from "../../src/prove/refuse-sample.ts";

const refused = (thrown: unknown, random: boolean): unknown => {
  try {
    return refuseSample(thrown, random);
  } catch (error) {
    return error;
  }
};

describe("a source that does not run on a sample", () => {
  it.each(["UNSUPPORTED_RUNTIME", "PROOF_UNAVAILABLE"] as const)("%s asks for data, and says why", (code) => {
    const cause = new FlotillaError(code, "Index 7 is out of bounds.");
    const error = refused(cause, true);
    expect(error).toMatchObject({ code: "PROOF_UNAVAILABLE", details: { random: true }, cause });
    expect(String(error)).toMatch(/Index 7 is out of bounds\..*random samples.*--calibration.*--golden.*--no-prove/s);
  });

  it("blames nothing random where the data was given", () => {
    const error = refused(new FlotillaError("UNSUPPORTED_RUNTIME", "No."), false);
    expect(error).toMatchObject({ code: "PROOF_UNAVAILABLE", details: { random: false } });
    expect(String(error)).not.toContain("random");
  });

  it("leaves other errors as they are", () => {
    const error = new FlotillaError("IO_NOT_FOUND", "There is no such file.");
    expect(refused(error, true)).toBe(error);
    expect(refused(new TypeError("a bug"), true)).toMatchObject({ code: "INTERNAL" });
  });
});
