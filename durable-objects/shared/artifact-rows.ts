import type { Artifact } from '../../core/contracts/artifact.ts';
import type { PushFix } from '../../core/contracts/intents.ts';
import type { Evidence } from '../../core/loops/pipeline-recovery/events.ts';
import type { Projection } from '../../workers/db/projections.ts';
import type { ArtifactRow } from '../../workers/db/schema.ts';

/** Who stored an artifact, for whom and when. */
export interface Provenance {
  producedBy: string;
  incident: string | null;
  run: string | null;
  at: number;
}

/** The row that says where an artifact in R2 came from. */
export function artifactRow(artifact: Artifact, kind: string, provenance: Provenance): Projection {
  const { name, sha256, contentType, sizeBytes } = artifact;
  const { producedBy, incident, run, at } = provenance;
  const scope = incident ?? run ?? producedBy;
  const row: ArtifactRow = {
    scope,
    name,
    sha256,
    contentType,
    sizeBytes,
    kind,
    producedBy,
    incident,
    run,
    at,
  };
  return { table: 'artifacts', row };
}

export function evidenceArtifacts({ log, excerpt }: Evidence, provenance: Provenance): Projection[] {
  return [
    ...(log ? [artifactRow(log, 'log', provenance)] : []),
    ...(excerpt ? [artifactRow(excerpt, 'excerpt', provenance)] : []),
  ];
}

export function fixArtifacts({ bundle, diff, proof }: PushFix, provenance: Provenance): Projection[] {
  return [
    artifactRow(bundle, 'bundle', provenance),
    artifactRow(diff, 'diff', provenance),
    artifactRow(proof.red.log, 'proof', provenance),
    artifactRow(proof.green.log, 'proof', provenance),
  ];
}
