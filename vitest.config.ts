import { defineConfig } from "vitest/config";

/** Whole journeys want the machine to themselves: they run one at a time, behind everything else. */
const journeys = ["test/demo.test.ts", "test/readme.test.ts", "test/examples.test.ts"];

// biome-ignore lint/style/noDefaultExport: Vitest reads its configuration from the default export
export default defineConfig({
  test: {
    testTimeout: 240_000,
    hookTimeout: 120_000,
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "parts",
          include: ["*/src/**/*.test.ts", "*/test/**/*.test.ts", "test/**/*.test.ts"],
          exclude: journeys,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: "journeys", include: journeys, maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
