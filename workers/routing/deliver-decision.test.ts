import { describe, expect, it } from 'vitest';
import { answerTo, hasRecorded } from './deliver-decision.ts';

describe('a decision', () => {
  const journal = [
    { type: 'approval_asked', data: { attempt: 1 } },
    { type: 'approval_recorded', data: { attempt: 1, verdict: 'approved' } },
  ];

  it('counts for exactly its attempt and verdict', () => {
    expect(hasRecorded(journal, 1, 'approved')).toBe(true);
    expect(hasRecorded(journal, 1, 'denied')).toBe(false);
    expect(hasRecorded(journal, 2, 'approved')).toBe(false);
  });

  it('says at the button whether it was the one that counted', () => {
    expect(answerTo('approved', 'now').toast).toBe('Approved.');
    expect(answerTo('approved', 'before').toast).toBe('Approved already.');
    expect(answerTo('denied', 'before').toast).toBe('Denied already.');
    expect(answerTo('denied', 'not').toast).toContain('no longer');
  });
});
