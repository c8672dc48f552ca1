// Railway, infrastructure as code: the successor of railway.toml, which is no longer read from
// 2026-12-01 on and which new services cannot use. Nothing reads this file by itself: with the
// Railway CLI, `npm install railway`, then `railway config plan` shows what would change in the
// linked project and `railway config apply` makes it so. A service that railway.toml still manages
// must be migrated first (`railway config migrate`).
import { defineRailway, github, preserve, project, service, volume } from "railway/iac";

export default defineRailway(() => {
  const data = volume("skill-sync-data");

  const skillSync = service("skill-sync", {
    source: github("skill-sync/skill-sync"),
    build: { builder: "DOCKERFILE", dockerfilePath: "Dockerfile" },
    // The same values as in railway.toml, where each has its reason.
    deploy: {
      healthcheckPath: "/readyz",
      healthcheckTimeout: 300,
      restartPolicyType: "ON_FAILURE",
      restartPolicyMaxRetries: 10,
      drainingSeconds: 30,
      requiredMountPath: "/data",
      numReplicas: 1,
    },
    volumeMounts: { "/data": data },
    // Set them in Railway: `preserve` keeps what is there, so that no secret is in a repository.
    env: {
      SKILLS_REPO: preserve(),
      GITHUB_TOKEN: preserve(),
      GITHUB_WEBHOOK_SECRET: preserve(),
      API_TOKEN: preserve(),
    },
  });

  return project("skill-sync", { resources: [data, skillSync] });
});
