//! Stories: each directory of `tests/cases` is a repository, a volume and what must become of both,
//! run through the real binary. `story.rs` says what a directory holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's way to fail")]

mod fields;
mod product;
mod repository;
mod story;
mod volume;

/// Makes a test of each story: its name is the directory's, with `_` for `-`.
macro_rules! stories {
    ($($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            story::tell(&stringify!($name).replace('_', "-"));
        })+

        /// Every story that is listed.
        const LISTED: &[&str] = &[$(stringify!($name)),+];
    };
}

stories! {
    first_sync,
    nothing_new,
    skills_in_categories,
    skills_path,
    include_and_exclude,
    exclude_takes_a_served_skill_off,
    executable_bit,
    bytes_are_the_blobs,
    repository_documents_are_no_skills,
    markdown_without_front_matter_is_no_skill,
    hidden_directories_hold_no_skills,
    root_skill_alone,
    root_skill_beside_others_is_held,
    layout_folder,
    layout_folder_collision_is_held,
    another_layout_is_guarded,
    link_inside_is_published_as_a_copy,
    every_other_link_is_held,
    lfs_pointer_is_held,
    submodule_is_held,
    case_twins_are_held,
    unicode_twins_are_held,
    paths_that_cannot_be_published_are_held,
    broken_front_matter_is_held,
    unreadable_text_is_held,
    what_real_skills_do_is_a_warning,
    strict_holds_what_the_reference_refuses,
    held_skill_keeps_its_last_good_version,
    held_skill_is_still_protected_from_drift,
    held_skill_is_served_when_mended,
    held_revision_changes_nothing,
    folder_that_lost_its_skill_md_is_held,
    flat_file_that_lost_its_front_matter_is_held,
    skills_outlive_a_broken_ancestor,
    skills_become_part_of_an_accepted_ancestor,
    of_two_skills_of_one_name_the_newcomer_is_held,
    of_two_skills_at_twin_paths_the_newcomer_is_held,
    skill_changes,
    skill_goes,
    skill_that_goes_leaves_what_is_not_ours,
    last_skill_of_a_category_empties_its_directories,
    file_becomes_a_directory,
    directory_becomes_a_file,
    flat_skill_becomes_a_folder,
    folder_becomes_a_flat_skill,
    drift_of_content_is_restored,
    drift_of_a_mode_is_restored,
    missing_file_is_restored,
    missing_skill_is_restored,
    directory_in_place_of_a_file_is_replaced,
    link_in_place_of_a_file_is_replaced,
    link_in_place_of_a_directory_is_replaced,
    link_in_place_of_a_skill_is_replaced,
    pipe_in_place_of_a_file_is_replaced,
    file_in_place_of_a_directory_is_replaced,
    git_changes_what_drifted,
    what_is_not_ours_stays,
    other_bytes_at_a_wanted_path_are_a_conflict,
    link_at_a_wanted_path_is_a_conflict,
    conflict_of_an_update_keeps_the_last_good_version,
    same_bytes_are_adopted,
    adopt_takes_over,
    adopt_on_the_first_run,
    missing_skills_path_is_guarded,
    empty_skills_path_is_guarded,
    removal_of_most_skills_is_guarded,
    prune_limit_allows_more,
    removal_of_few_skills_needs_no_word,
    another_skills_path_is_guarded,
}

#[test]
fn every_directory_of_the_cases_is_a_test() {
    let mut found: Vec<String> = repository::children(&story::cases())
        .iter()
        .map(|path| path.file_name().expect("a name").to_string_lossy().replace('-', "_"))
        .collect();
    let mut listed: Vec<String> = LISTED.iter().map(|name| (*name).to_owned()).collect();
    found.sort();
    listed.sort();
    assert_eq!(found, listed);
}
